"""A request through five services, two databases and two brokers, all of them real."""
