"""What goes wrong around the tracer, with real processes and sockets: each span arrives or is counted, and nobody waits."""
