"""Traces drawn as they arrive, each once it has come to rest.

Rules: a trace's spans come in pieces, from several services, so a trace is drawn when nothing of it came for a second.
A bounded number of spans waits; those above it are not drawn.
When nobody reads the stream any more, drawing ends, and nothing else.
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

QUIET_S = 1.0
MAX_WAIT_S = 10.0  # of a trace to which spans come all the time
POLL_S = 0.2
MAX_WAITING_SPANS = 20_000
MAX_DRAWN = 10_000  # traces of which is known that they have been drawn


class _Waiting:
    """A trace that is not drawn yet."""

    __slots__ = ("begun", "last", "spans")

    def __init__(self, now: float) -> None:
        self.spans: list[FinishedSpan] = []
        self.begun = self.last = now


class Printer:
    """Writes to a stream from a thread of its own, between `start` and `stop`; `add` from any thread."""

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
        """Spans that have arrived; where too many wait, all are drawn at the next opportunity."""
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
        """Draw what waits, and end."""
        self._stopped.set()
        self._thread.join()
        self.draw(monotonic(), everything=True)

    def __enter__(self) -> Printer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopped.wait(POLL_S):
            self.draw(monotonic())

    def draw(self, now: float, everything: bool = False) -> None:
        """Draw the traces that have come to rest."""
        for trace_id, spans in self._due(now, everything):
            if spans:
                self._write(trace_lines(spans, self._style), trace_id in self._drawn)
                self._drawn[trace_id] = None
                if len(self._drawn) > MAX_DRAWN:
                    self._drawn.popitem(last=False)

    def _due(self, now: float, everything: bool) -> list[tuple[str, list[FinishedSpan]]]:
        with self._lock:
            full = self._count >= MAX_WAITING_SPANS
            due = [
                trace_id
                for trace_id, trace in self._waiting.items()
                if everything or full or now - trace.last >= QUIET_S or now - trace.begun >= MAX_WAIT_S
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
        except (OSError, ValueError):  # nobody reads, or it is closed
            self._stream = None
