"""Ten minutes of load with a collector that fails at times: `make soak`."""
