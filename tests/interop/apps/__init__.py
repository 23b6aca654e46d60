"""The applications: each is a process that prints its port, serves requests, and ends when its standard input ends."""
