"""Ten minutes under load with a collector that fails in turn: `make soak`."""
