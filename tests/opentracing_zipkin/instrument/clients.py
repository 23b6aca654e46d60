"""Help for the tests of clients."""

from __future__ import annotations

from opentracing_zipkin.model import FinishedSpan

__all__ = ["errors_of"]


def errors_of(spans: list[FinishedSpan]) -> list[str | None]:
    """For each span, the type of its exception or its status; None where the span has no error."""
    return [span.tags["error"].partition(":")[0] if "error" in span.tags else None for span in spans]
