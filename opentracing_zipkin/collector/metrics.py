"""Counts of the messages and spans that were taken and refused since the start, under the names of a real server."""

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
    """Counters and gauges; any method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counters = dict.fromkeys(_MEANINGS, 0)
        self._gauges = dict.fromkeys(_GAUGES, 0)

    def received(self, length: int) -> None:
        """Count a message of `length` bytes after decompression."""
        with self._lock:
            self._counters["messages"] += 1
            self._counters["bytes"] += length
            self._gauges["message_bytes"] = length

    def accepted(self, spans: int) -> None:
        """Count the decoded spans of a message."""
        with self._lock:
            self._counters["spans"] += spans
            self._gauges["message_spans"] = spans

    def refused(self, spans: int = 0) -> None:
        """Count a message that was not taken, and its spans if it was decoded."""
        with self._lock:
            self._counters["messages_dropped"] += 1
            self._counters["spans_dropped"] += spans

    def as_json(self) -> dict[str, float]:
        """The values in the form of a real server's `/metrics`."""
        with self._lock:
            counters = {f"counter.zipkin_collector.{name}.http": float(value) for name, value in self._counters.items()}
            return counters | {f"gauge.zipkin_collector.{name}.http": float(value) for name, value in self._gauges.items()}

    def as_text(self) -> str:
        """The values in the form of a real server's `/prometheus`."""
        with self._lock:
            values = {f"{name}_total": value for name, value in self._counters.items()} | self._gauges
        kinds = [(f"{name}_total", "counter", text) for name, text in _MEANINGS.items()]
        kinds += [(name, "gauge", text) for name, text in _GAUGES.items()]
        return "".join(
            f"# HELP zipkin_collector_{name} {text}\n# TYPE zipkin_collector_{name} {kind}\n"
            f'zipkin_collector_{name}{{transport="http"}} {float(values[name])}\n'
            for name, kind, text in kinds
        )
