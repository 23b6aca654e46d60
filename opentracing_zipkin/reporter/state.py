"""The reporter's state: what it may do now, changed only by named transitions.

            pause             end               give_up
    OPEN  ⇄ PAUSED    OPEN ───────► ENDING ───────────► GIVEN_UP
            resume    PAUSED ─────────────── end ─────► GIVEN_UP

Rules: no way leads back from an end.  A transition is one assignment, so it may come from any thread and from a signal's
handler in the middle of another one.
"""

from __future__ import annotations

__all__ = ["ENDING", "GIVEN_UP", "OPEN", "PAUSED", "State"]

OPEN = "open"  # spans are taken and sent
PAUSED = "paused"  # no span is taken or sent; what waits is kept
ENDING = "ending"  # no span is taken; what waits is sent, without patience
GIVEN_UP = "given up"  # no span is taken or sent; what waits is dropped


class State:
    """`now` is one of the four; `cause` is what spans are dropped as once it is GIVEN_UP."""

    __slots__ = ("_before_end", "_end", "cause")

    def __init__(self) -> None:
        # Two slots, so that a `pause` that was about to be stored when the end came cannot undo the end.
        self._before_end = OPEN
        self._end = ""
        self.cause = "closed"

    @property
    def now(self) -> str:
        return self._end or self._before_end

    @property
    def takes(self) -> bool:
        """Whether spans are taken."""
        return self.now is OPEN

    @property
    def sends(self) -> bool:
        """Whether spans are sent."""
        return self.now in (OPEN, ENDING)

    @property
    def ended(self) -> bool:
        """Whether no span will be taken any more."""
        return self._end != ""

    def pause(self) -> None:
        self._before_end = PAUSED

    def resume(self) -> None:
        self._before_end = OPEN

    def end(self, cause: str) -> None:
        """Take no span any more; what waits is sent, or, where sending is paused, dropped as `cause`."""
        if self._before_end is PAUSED:
            self.give_up(cause)
        elif not self._end:
            self._end = ENDING

    def give_up(self, cause: str) -> None:
        """Send nothing any more; what waits is dropped as `cause`."""
        if self._end is not GIVEN_UP:
            self.cause = cause
            self._end = GIVEN_UP
