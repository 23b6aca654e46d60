"""Draws traces as they arrive, each when no more spans come.

Rules: the spans of a trace come in parts, from several services.  So a trace is drawn when none of its spans came for a second.
The number of waiting spans is limited; spans over the limit are not drawn.  If the stream is closed by its reader, drawing
ends, but nothing else does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import TextIO

from ..clock import monotonic
from ..model import FinishedSpan
from .waterfall import Style, style_of, trace_lines

__all__ = ["Printer"]

DRAW_DELAY_S = 1.0  # a trace is drawn this long after its last span came
MAX_WAIT_S = 10.0  # the longest wait for a trace whose spans keep coming
POLL_INTERVAL_S = 0.2
MAX_WAITING_SPANS = 20_000
MAX_DRAWN_TRACES = 10_000  # drawn traces that are remembered, to mark later spans as more of them


class _Waiting:
    """A trace that is not drawn yet."""

    __slots__ = ("begun", "last", "spans")

    def __init__(self, now: float) -> None:
        self.spans: list[FinishedSpan] = []
        self.begun = self.last = now


class Printer:
    """Draws on a stream from its own thread, between `start` and `stop`; `add` may be called from any thread."""

    def __init__(self, stream: TextIO, style: Style | None = None) -> None:
        self._stream: TextIO | None = stream
        self._style = style or style_of(stream)
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._count = 0
        self._drawn: OrderedDict[str, None] = OrderedDict()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zipkin-printer", daemon=True)

    def add(self, spans: Iterable[FinishedSpan]) -> None:
        """Add spans that have arrived; if too many wait, all are drawn at the next opportunity."""
        now = monotonic()
        with self._lock:
            for span in spans:
                trace = self._waiting.setdefault(span.trace_id[-16:], _Waiting(now))
                trace.last = now
                if self._count < MAX_WAITING_SPANS:
                    trace.spans.append(span)
                    self._count += 1

    def start(self) -> Printer:
        """Begin to draw."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Draw the waiting traces, and end."""
        self._stopped.set()
        self._thread.join()
        self.draw(monotonic(), everything=True)

    def __enter__(self) -> Printer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopped.wait(POLL_INTERVAL_S):
            self.draw(monotonic())

    def draw(self, now: float, everything: bool = False) -> None:
        """Draw the traces to which no more spans come."""
        for trace_id, spans in self._due(now, everything):
            if spans:
                self._write(trace_lines(spans, self._style), trace_id in self._drawn)
                self._drawn[trace_id] = None
                if len(self._drawn) > MAX_DRAWN_TRACES:
                    self._drawn.popitem(last=False)

    def _due(self, now: float, everything: bool) -> list[tuple[str, list[FinishedSpan]]]:
        with self._lock:
            full = self._count >= MAX_WAITING_SPANS
            due = [
                trace_id
                for trace_id, trace in self._waiting.items()
                if everything or full or now - trace.last >= DRAW_DELAY_S or now - trace.begun >= MAX_WAIT_S
            ]
            found = [(trace_id, self._waiting.pop(trace_id).spans) for trace_id in due]
            self._count -= sum(len(spans) for _, spans in found)
        return found

    def _write(self, lines: list[str], is_more: bool) -> None:
        if self._stream is None:
            return
        if is_more:
            lines[0] += ", more of it"
        encoding = self._stream.encoding or "ascii"
        text = "".join(f"{line}\n" for line in (*lines, "")).encode(encoding, "replace").decode(encoding)
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the reader is gone, or the stream is closed
            self._stream = None
