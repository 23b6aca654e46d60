"""The highest loads of one process, one Kafka partition and one collector, and the fleet sizes that follow; `make scale`."""
