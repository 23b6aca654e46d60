"""Unmodified instrumentation packages from PyPI on ZipkinTracer: small real applications, and the spans that they send."""
