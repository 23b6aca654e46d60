"""Faults around the tracer, with real processes and sockets: each span arrives or is counted, and no caller waits."""
