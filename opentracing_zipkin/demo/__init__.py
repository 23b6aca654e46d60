"""The demo: an application of three services, and its traces in the terminal.

Rules: a service configures the tracer through the package's public name, as any application does.  So the demo may import
`settings`, which may not import the demo.
"""
