"""The reporter's state: which actions are allowed now; only named transitions change it.

            pause             end               give_up
    OPEN  ⇄ PAUSED    OPEN ───────► ENDING ───────────► GIVEN_UP
            resume    PAUSED ─────────────── end ─────► GIVEN_UP

Rules: no transition leads back from an end.  A transition is one assignment, so it may come from any thread and from a signal
handler in the middle of another one.
"""

from __future__ import annotations

__all__ = ["ENDING", "GIVEN_UP", "OPEN", "PAUSED", "State"]

OPEN = "open"  # spans are taken and sent
PAUSED = "paused"  # no span is taken or sent; the waiting ones are kept
ENDING = "ending"  # no span is taken; the waiting ones are sent with short delays
GIVEN_UP = "given up"  # no span is taken or sent; the waiting ones are dropped


class State:
    """The state, in `now`; may be used from any thread.  `cause` is the cause of spans that are dropped once it is GIVEN_UP."""

    __slots__ = ("_before_end", "_end", "cause")

    def __init__(self) -> None:
        # Two slots, so that a `pause` that is stored just after the end cannot undo the end.
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
        """Take no span from now on; the waiting ones are sent, or dropped as `cause` if sending is paused."""
        if self._before_end is PAUSED:
            self.give_up(cause)
        elif not self._end:
            self._end = ENDING

    def give_up(self, cause: str) -> None:
        """Send nothing from now on; the waiting spans are dropped as `cause`."""
        if self._end is not GIVEN_UP:
            self.cause = cause
            self._end = GIVEN_UP
