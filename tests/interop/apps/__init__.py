"""The applications: each a process of its own that prints its port, serves, and ends when its standard input does."""
