"""What a process does to a tracer: it forks, it ends, it has an address."""
