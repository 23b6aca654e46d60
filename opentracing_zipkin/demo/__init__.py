"""The demo: an application of three services, and its traces in the terminal.

Rules: a service configures the tracer by the package's public name, as any application does, so the demo lies above `settings`.
"""
