"""A native Zipkin tracer for the OpenTracing API.

import opentracing_zipkin

tracer = opentracing_zipkin.configure("checkout")
with tracer.start_active_span("hello"):
    ...

Rules: importing this package imports nothing else (PEP 562), so that gevent may patch after it, and a program that never asks
for a name does not pay for `requests`.

(PYTEST_DONT_REWRITE: without this mark, pytest warns when the package is imported before pytest starts, which
`opentracing-zipkin run` does.)
"""

from __future__ import annotations

TYPE_CHECKING = False  # the same name as in typing, whose import takes 15 ms
if TYPE_CHECKING:
    from typing import Any

    from . import instrument as instrument, otel as otel
    from .context import ZipkinContext
    from .model import Endpoint, FinishedSpan
    from .settings import configure
    from .span import ZipkinSpan
    from .stats import TracerStats
    from .tracer import ZipkinTracer

__all__ = ["Endpoint", "FinishedSpan", "TracerStats", "ZipkinContext", "ZipkinSpan", "ZipkinTracer", "configure"]


def __getattr__(name: str) -> Any:
    # Import statements, because bundlers do not find a module whose name is made at run time.
    if name == "configure":
        from .settings import configure

        return configure
    if name == "ZipkinTracer":
        from .tracer import ZipkinTracer

        return ZipkinTracer
    if name == "ZipkinSpan":
        from .span import ZipkinSpan

        return ZipkinSpan
    if name == "ZipkinContext":
        from .context import ZipkinContext

        return ZipkinContext
    if name == "TracerStats":
        from .stats import TracerStats

        return TracerStats
    if name in ("Endpoint", "FinishedSpan"):
        from . import model

        return model.Endpoint if name == "Endpoint" else model.FinishedSpan
    # `from . import instrument` would ask for the attribute again, without end.
    if name == "instrument":
        import opentracing_zipkin.instrument as instrument

        return instrument
    if name == "otel":
        import opentracing_zipkin.otel as otel

        return otel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
