"""MockSpan: keeps a span's data in plain attributes, for tests to read.

Rules: no method raises because of a value, and values are kept unchanged.  Tags and logs are kept even after the span has
finished, so that a test can see them; the span itself finishes only once.  There is no lock, because assignments, dict items
and `append` are atomic.  A lock could stay held for ever in the child of a fork, or in code that a signal's handler interrupts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from ..arguments import pairs_of
from ..span import Span
from ..text import text_of
from .context import SpanContext

if TYPE_CHECKING:
    from .tracer import MockTracer

__all__ = ["LogData", "MockSpan"]

_S = TypeVar("_S", bound="MockSpan")


class MockSpan(Span):
    """May be used from any thread.  Times are in seconds since the epoch; `finish_time` is -1 until `finished` is True.

    `parent_id` is the parent's span id, None for a root.  `logs` has one LogData for each event.
    """

    if TYPE_CHECKING:  # inherited members, with this tracer's types

        @property
        def context(self) -> SpanContext: ...
        def start_child(self, operation_name: str, tags: dict[str, Any] | None = None) -> MockSpan: ...

    def __init__(
        self,
        tracer: MockTracer,
        operation_name: str | None = None,
        context: SpanContext | None = None,
        parent_id: int | None = None,
        tags: dict[str, Any] | None = None,
        start_time: float | None = None,
    ) -> None:
        super().__init__(tracer, SpanContext() if context is None else context)
        self.operation_name = operation_name
        self.start_time = start_time
        self.parent_id = parent_id
        self.tags = pairs_of(tags)
        self.logs: list[LogData] = []
        self.finish_time: float = -1
        self.finished = False
        self._once = True  # a one-shot token: deleting it is atomic, so exactly one `finish` wins

    def set_operation_name(self: _S, operation_name: str) -> _S:
        self.operation_name = operation_name
        return self

    def set_tag(self: _S, key: str, value: Any) -> _S:
        try:
            self.tags[key] = value
        except Exception:  # not hashable, or its comparison raises
            self.tags[text_of(key)] = value
        return self

    def log_kv(self: _S, key_values: dict[str, Any], timestamp: float | None = None) -> _S:
        self.logs.append(LogData(pairs_of(key_values), timestamp))
        return self

    def set_baggage_item(self: _S, key: str, value: str) -> _S:
        self.context._set_item(key, value)
        return self

    def get_baggage_item(self, key: str) -> str | None:
        return self.context._get_item(key)

    def finish(self, finish_time: float | None = None) -> None:
        try:
            del self._once
        except AttributeError:
            return
        self.finish_time = time.time() if finish_time is None else finish_time
        self.finished = True
        self._tracer._append_finished_span(self)

    def __repr__(self) -> str:
        return f"<MockSpan {self.operation_name!r}, {self.context!r}, parent_id={self.parent_id}>"


class LogData:
    """An event: its fields, and its `timestamp` in seconds since the epoch, by default the present time."""

    def __init__(self, key_values: dict[str, Any], timestamp: float | None = None) -> None:
        self.key_values = key_values
        self.timestamp = time.time() if timestamp is None else timestamp

    def __repr__(self) -> str:
        return f"LogData({self.key_values!r}, {self.timestamp!r})"
