"""Tests that neither see the settings of the machine nor leave a global tracer to the next test."""

from __future__ import annotations

import os

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer

__all__ = ["clear_settings", "close_global_tracer"]


def clear_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset each variable that configures a tracer, a proxy or certificates."""
    for name in list(os.environ):
        if name.startswith(("ZIPKIN_", "OTEL_")) or name.lower().endswith(("_proxy", "_ca_bundle", "ssl_cert_file")):
            monkeypatch.delenv(name)


def close_global_tracer() -> None:
    """Close the global tracer if it is one of ours, and make the no-op the global tracer."""
    if isinstance(opentracing.tracer, ZipkinTracer):
        opentracing.tracer.close(0)
    opentracing._reset_global_tracer()
