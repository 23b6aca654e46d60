"""The reporter's state: which actions are allowed now; only named transitions change it.

            pause             close              give_up
    OPEN  ⇄ PAUSED    OPEN ────────► CLOSING ───────────► GIVEN_UP
            resume    PAUSED ────────────── close ──────► GIVEN_UP

Rules: no transition leads back from CLOSING or GIVEN_UP.  A transition is one assignment, so it may come from any thread and
from a signal handler in the middle of another one.
"""

from __future__ import annotations

__all__ = ["CLOSING", "GIVEN_UP", "OPEN", "PAUSED", "State"]

OPEN = "open"  # spans are taken and sent
PAUSED = "paused"  # no span is taken or sent; the waiting ones are kept
CLOSING = "closing"  # no span is taken; the waiting ones are sent
GIVEN_UP = "given up"  # no span is taken or sent; the waiting ones are dropped


class State:
    """The state, in `now`; may be used from any thread.  `cause` is the cause of spans that are dropped once it is GIVEN_UP."""

    __slots__ = ("_before_close", "_closed", "cause")

    def __init__(self) -> None:
        # Two slots, so that a `pause` that is stored just after a `close` cannot undo it.
        self._before_close = OPEN
        self._closed = ""  # CLOSING or GIVEN_UP once the reporter is closed
        self.cause = "closed"

    @property
    def now(self) -> str:
        return self._closed or self._before_close

    @property
    def is_open(self) -> bool:
        """Whether spans are taken."""
        return self.now is OPEN

    @property
    def may_send(self) -> bool:
        """Whether waiting spans may be sent."""
        return self.now in (OPEN, CLOSING)

    @property
    def is_closed(self) -> bool:
        """Whether no span will be taken any more."""
        return self._closed != ""

    def pause(self) -> None:
        self._before_close = PAUSED

    def resume(self) -> None:
        self._before_close = OPEN

    def close(self, cause: str) -> None:
        """Take no span from now on; the waiting ones are sent, or dropped as `cause` if sending is paused."""
        if self._before_close is PAUSED:
            self.give_up(cause)
        elif not self._closed:
            self._closed = CLOSING

    def give_up(self, cause: str) -> None:
        """Send nothing from now on; the waiting spans are dropped as `cause`."""
        if self._closed is not GIVEN_UP:
            self.cause = cause
            self._closed = GIVEN_UP
