"""Plain records of the data of a span; a Recorder receives them."""

from __future__ import annotations

from typing import Any

__all__ = ["RawLog", "RawSpan"]


class RawSpan:
    """A span's data; may be filled from any thread.

    `start_time` and `duration` are in seconds.  `tags` are pairs in the order in which they were set, and `logs` are RawLogs;
    each of the two is None while it is empty.
    """

    def __init__(self, trace_context: Any, operation_name: str) -> None:
        self.trace_context = trace_context
        self.operation_name = operation_name
        self.start_time: float | None = None
        self.duration: float | None = None
        self.tags: list[tuple[str, Any]] | None = None
        self.logs: list[RawLog] | None = None

    def add_tag(self, key: str, value: Any) -> None:
        empty: list[tuple[str, Any]] = []  # made first: making it may run the garbage collector, which may run any code
        self.tags = empty if self.tags is None else self.tags
        self.tags.append((key, value))

    def add_log(self, log: RawLog) -> None:
        empty: list[RawLog] = []
        self.logs = empty if self.logs is None else self.logs
        self.logs.append(log)


class RawLog:
    """An event: its message, which may refer to its payload, and its `timestamp` in seconds since the epoch."""

    def __init__(self, timestamp: float, is_error: bool, message: str, *args: Any) -> None:
        self.timestamp = timestamp
        self.is_error = is_error
        self.message = message
        self.payload = args
