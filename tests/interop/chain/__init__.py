"""A request through five services, two databases and two brokers, which are all real."""
