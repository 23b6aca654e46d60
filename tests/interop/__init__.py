"""Instrumentation packages from PyPI, unmodified, on ZipkinTracer: small real applications and the spans that come of them."""
