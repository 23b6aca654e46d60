"""How much one process, one Kafka partition and one collector carry, and the sizes that follow for a fleet; `make scale`."""
