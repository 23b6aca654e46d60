"""Counts of the messages and spans that the collector has taken and refused since it started, under the names of a real server.

Source: openzipkin/zipkin, zipkin-server README, "Metrics"; names measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

from threading import Lock

__all__ = ["Metrics"]

_MEANINGS = {
    "messages": "cumulative amount of messages received",
    "messages_dropped": "cumulative amount of messages received that were later dropped",
    "bytes": "cumulative amount of bytes received",
    "spans": "cumulative amount of spans received",
    "spans_dropped": "cumulative amount of spans received that were later dropped",
}
_GAUGES = {"message_bytes": "size of the last message", "message_spans": "count of spans of the last message"}


class Metrics:
    """Counters and gauges; any method from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counters = dict.fromkeys(_MEANINGS, 0)
        self._gauges = dict.fromkeys(_GAUGES, 0)

    def received(self, length: int) -> None:
        """A message of so many bytes, decompressed, has come."""
        with self._lock:
            self._counters["messages"] += 1
            self._counters["bytes"] += length
            self._gauges["message_bytes"] = length

    def accepted(self, spans: int) -> None:
        """So many spans of a message were decoded."""
        with self._lock:
            self._counters["spans"] += spans
            self._gauges["message_spans"] = spans

    def refused(self, spans: int = 0) -> None:
        """A message was not taken; of one that was decoded, so many spans."""
        with self._lock:
            self._counters["messages_dropped"] += 1
            self._counters["spans_dropped"] += spans

    def as_json(self) -> dict[str, float]:
        """As `/metrics` of a real server has them."""
        with self._lock:
            counters = {f"counter.zipkin_collector.{name}.http": float(value) for name, value in self._counters.items()}
            return counters | {f"gauge.zipkin_collector.{name}.http": float(value) for name, value in self._gauges.items()}

    def as_text(self) -> str:
        """As `/prometheus` of a real server has them."""
        with self._lock:
            values = {f"{name}_total": value for name, value in self._counters.items()} | self._gauges
        kinds = [(f"{name}_total", "counter", text) for name, text in _MEANINGS.items()]
        kinds += [(name, "gauge", text) for name, text in _GAUGES.items()]
        return "".join(
            f"# HELP zipkin_collector_{name} {text}\n# TYPE zipkin_collector_{name} {kind}\n"
            f'zipkin_collector_{name}{{transport="http"}} {float(values[name])}\n'
            for name, kind, text in kinds
        )
