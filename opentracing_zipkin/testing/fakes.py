"""For tests: a recorder that keeps spans, a sender that keeps messages, a clock that stands still."""

from __future__ import annotations

from ..model import FinishedSpan
from ..reporter import Recorder
from ..senders import Sender, SendError
from ..span import RecordingSpan

__all__ = ["FakeClock", "FakeSender", "InMemoryRecorder"]


class InMemoryRecorder(Recorder):
    """Keeps finished spans in the form in which they would be sent; pass it as `ZipkinTracer(..., recorder=...)`."""

    def __init__(self) -> None:
        self.spans: list[FinishedSpan] = []
        self._paused = False

    def record(self, span: RecordingSpan, /) -> None:
        if not self._paused:
            self.spans.append(span.to_finished())

    def pause(self, paused: bool) -> None:
        self._paused = paused


class FakeSender(Sender):
    """Keeps messages in `bodies` and counts `tries`; raises `error` while it is set."""

    max_bytes = 500_000

    def __init__(self, error: SendError | None = None) -> None:
        self.bodies: list[bytes] = []
        self.error = error
        self.tries = 0
        self.closed = 0

    def send(self, body: bytes, /) -> None:
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.bodies.append(body)

    def close(self) -> None:
        self.closed += 1


class FakeClock:
    """Stands still until `advance` moves it; `set_wall` moves the wall clock alone, as NTP does."""

    def __init__(self, wall_s: float = 1_700_000_000.0) -> None:
        self._wall = int(wall_s * 1_000_000_000)
        self._ticks = 5_000_000_000

    def wall_ns(self) -> int:
        return self._wall

    def ticks_ns(self) -> int:
        return self._ticks

    def advance(self, seconds: float) -> None:
        self._wall += int(seconds * 1_000_000_000)
        self._ticks += int(seconds * 1_000_000_000)

    def set_wall(self, seconds: float) -> None:
        self._wall = int(seconds * 1_000_000_000)
