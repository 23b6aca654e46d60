"""The claim to run the reporter's loop: at any time one thread has it.

Rules: a claim is pending until its thread begins; then it runs; at last it has ended.  A claim is void if its thread will never
run.  Each change is one atomic step of a dict.  So it may come from any thread, from a signal handler, and from the garbage
collector in the middle of another change.  A claim has no lock, because a thread that finds it pending does not wait.
"""

from __future__ import annotations

from .alarm import Alarm

__all__ = ["ENDED", "MAX_PENDING_S", "PENDING", "RUNNING", "VOID", "Claim"]

PENDING = "pending"
RUNNING = "running"
ENDED = "ended"
VOID = "void"

# A thread begins within milliseconds.  After this time it never will: a signal handler raised before it could start.
MAX_PENDING_S = 2.0


class Claim:
    """The claim of one thread, made by the code that starts the thread and handed to it.  May be used from any thread.

    `made_at`: monotonic seconds.
    """

    __slots__ = ("_next", "_status", "alarm", "made_at")

    def __init__(self, made_at: float) -> None:
        self.made_at = made_at
        self.alarm: Alarm | None = None  # the thread makes it, so that it fits the thread or greenlet
        self._status: dict[str, str] = {}
        self._next: dict[str, Claim] = {}

    @property
    def status(self) -> str:
        """PENDING, RUNNING, ENDED or VOID."""
        return self._status.get("status", PENDING)

    def begin(self) -> bool:
        """Mark the claim as running; the thread's first call.

        Returns False where the claim was voided meanwhile; then the thread must not run.
        """
        return self._status.setdefault("status", RUNNING) is RUNNING

    def void(self) -> None:
        """Let no thread begin with this claim; has no effect if one has begun."""
        self._status.setdefault("status", VOID)

    def end(self) -> None:
        """Mark the claim as ended; the thread's last call."""
        self._status["status"] = ENDED

    def succeeded_by(self, claim: Claim) -> Claim:
        """The claim after this one; every caller gets the first claim that was offered."""
        return self._next.setdefault("next", claim)

    def wake(self) -> None:
        """Wake the thread, so that it looks for work."""
        alarm = self.alarm
        if alarm is not None:
            alarm.set()
