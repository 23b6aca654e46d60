"""A collector for tests whose application runs in other processes.

Rules: it listens on a free port of the loopback interface and keeps spans in memory; nothing of it is left after it stops.
Then a tracer that was configured in this process meanwhile is closed, because no collector takes its spans any more, and the
former global tracer is restored.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import opentracing

from ..collector import Collector
from ..tracer import ZipkinTracer
from .spans import Spans

__all__ = ["ZipkinCollector"]

# Variables that would send an application's spans to another place, or to none, whatever ZIPKIN_ENDPOINT says.
_DIVERTING = (
    "ZIPKIN_AUTH", "ZIPKIN_CA_BUNDLE", "ZIPKIN_CLIENT_CERT", "ZIPKIN_CLIENT_KEY", "ZIPKIN_ENABLED", "ZIPKIN_HEADERS",
    "ZIPKIN_PROXY", "ZIPKIN_SAMPLE_RATE", "OTEL_SDK_DISABLED", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
)  # fmt: skip
_LOOPBACK = "127.0.0.1"


class ZipkinCollector:
    """Runs from `start` to `stop`, or inside a `with` block; `url` is the endpoint for a tracer."""

    def __init__(self) -> None:
        self._collector = Collector(_LOOPBACK, 0)
        self.spans: Spans = _ArrivedSpans(self._arrived)
        self._former = opentracing.global_tracer()

    @property
    def url(self) -> str:
        """The URL at which it listens; the page with the traces is there, too."""
        return self._collector.url

    def wait_for(self, count: int = 1, *, within: float = 10.0) -> Spans:
        """The spans that have arrived, when there are at least `count`; AssertionError if that takes longer than `within` s."""
        __tracebackhide__ = True
        return self.spans.wait_for(count, within=within)

    def environment(self) -> dict[str, str | None]:
        """The variables that make a process report to this collector; a variable with the value None must not be set."""
        changed: dict[str, str | None] = {name: None for name in _DIVERTING if name in os.environ}
        bypass = "no_proxy" if "no_proxy" in os.environ else "NO_PROXY"
        changed[bypass] = ",".join(filter(None, (os.environ.get(bypass), _LOOPBACK)))
        return {**changed, "ZIPKIN_ENDPOINT": self.url}

    def start(self) -> ZipkinCollector:
        """Listen."""
        self._collector.start()
        self._former = opentracing.global_tracer()
        return self

    def stop(self) -> None:
        """Close the port; `spans` stay."""
        current = opentracing.global_tracer()
        if current is not self._former and isinstance(current, ZipkinTracer):
            current.close().result()
            opentracing.set_global_tracer(self._former)
        self._collector.stop()

    def __enter__(self) -> ZipkinCollector:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _arrived(self) -> Spans:
        return Spans(span for trace in self._collector.store.traces() for span in trace)


class _ArrivedSpans(Spans):
    """The spans that a collector has at the moment when the list is used."""

    def __init__(self, arrived: Callable[[], Spans]) -> None:
        super().__init__()
        self._ask = arrived

    def _now(self) -> Spans:
        self[:] = self._ask()
        return self
