"""The process around a tracer: its forks, its end, its address, its interpreters."""
