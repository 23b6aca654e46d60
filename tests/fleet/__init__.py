"""A fleet on one machine: producers, a broker, Zipkin servers and a shared store, of which some are killed; `make fleet`."""
