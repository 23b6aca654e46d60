"""The claim to run the reporter's loop: one thread has it, always.

Rules: a claim is pending until its thread begins, then it runs, then it has ended; one whose thread does not live is void.
Each change is one atomic step of a dict, so that it may come from any thread, from a signal's handler, and from the garbage
collector in the middle of another one.  No lock: whoever finds a claim pending has nothing to wait for.
"""

from __future__ import annotations

from .alarm import Alarm

__all__ = ["ENDED", "MAX_PENDING_S", "PENDING", "RUNS", "VOID", "Claim"]

PENDING = "pending"
RUNS = "runs"
ENDED = "ended"
VOID = "void"

# A thread begins within milliseconds; one that has not after this long never will (a signal's handler raised in between).
MAX_PENDING_S = 2.0


class Claim:
    """Made by whoever wants to start the thread; handed to the thread.  `made_at`: monotonic seconds."""

    __slots__ = ("_fate", "_next", "alarm", "made_at")

    def __init__(self, made_at: float) -> None:
        self.made_at = made_at
        self.alarm: Alarm | None = None  # the thread makes it, so that it is of the thread's own kind
        self._fate: dict[str, str] = {}
        self._next: dict[str, Claim] = {}

    @property
    def fate(self) -> str:
        """One of the four."""
        return self._fate.get("fate", PENDING)

    def begin(self) -> bool:
        """The thread's first act: whether it may run.  False where the claim was voided meanwhile."""
        return self._fate.setdefault("fate", RUNS) is RUNS

    def void(self) -> None:
        """No thread may begin with this claim any more; nothing for one that has begun."""
        self._fate.setdefault("fate", VOID)

    def end(self) -> None:
        """The thread's last act."""
        self._fate["fate"] = ENDED

    def succeeded_by(self, claim: Claim) -> Claim:
        """The claim after this one: the first that was offered, for all who ask."""
        return self._next.setdefault("next", claim)

    def wake(self) -> None:
        """Let the thread look what there is to do."""
        alarm = self.alarm
        if alarm is not None:
            alarm.set()
