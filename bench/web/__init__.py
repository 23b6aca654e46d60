"""Two real services under load, compared without tracing, with our tracer and with OpenTelemetry."""
