"""The cost of tracing: our tracer compared with the least possible one and with other tracers, as ratios from one run."""
