"""The cost of tracing one request of an instrumented service, in one process: no server, no socket, one thread's CPU time."""
