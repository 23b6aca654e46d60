"""OpenTelemetry: its API on our tracer, and an exporter for those who keep its SDK.

Rules: nothing here is imported by `import opentracing_zipkin`.  A tracer is taken, never configured.
"""
