"""The cost of tracing one request of an instrumented service, in process: no server, no socket, one thread's CPU."""
