"""The reporter's thread: started when it is needed, only one at a time, and replaced when it is gone.

Rules: `ensure_thread` may be called from any thread, from a signal handler, and by the garbage collector in the middle of
another call.  It does not wait and holds no lock: a `Claim` decides which caller starts the thread.  A subinterpreter handles
no signals; there the first call waits until the thread has started.  Where no thread may be started, the work waits for
`work_here`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from ..clock import monotonic
from ..process.interpreter import DAEMON, NONE, start_thread, thread_kind
from .alarm import Alarm
from .claim import MAX_PENDING_S, PENDING, RUNNING, VOID, Claim
from .greenlets import starts_greenlets

__all__ = ["Worker"]

THREAD_NAME = "zipkin-reporter"
POLL_INTERVAL_S = 0.002
MIN_RESTART_S = 0.5  # seconds between two tries while no thread can be started

# Workers that have work but no thread yet.  Possibly nothing else references them, and they would be lost with their spans.
_stranded: set[Worker] = set()


class Worker:
    """Owns the thread.  Its methods may be called from any thread.

    `work` is the thread's whole work; the thread ends when it returns.  `may_start` tells whether a thread may be started now.
    """

    def __init__(self, work: Callable[[Alarm], None], may_start: Callable[[], bool]) -> None:
        self._work = work
        self._may_start = may_start
        self._claim = Claim(0.0)
        self._claim.void()
        self._may_start_at = 0.0

    @property
    def is_running(self) -> bool:
        """Whether the thread has begun and has not ended."""
        return self._claim.status is RUNNING

    @property
    def is_started(self) -> bool:
        """Whether the thread runs, or has been started."""
        return self._claim.status in (RUNNING, PENDING)

    def ensure_thread(self, wake: bool = True) -> None:
        """Make sure that a thread does the work: start it, or wake it if `wake` is True."""
        claim = self._claim
        if claim.status is RUNNING:
            if wake:
                claim.wake()
        elif claim.status is not PENDING or monotonic() - claim.made_at > MAX_PENDING_S:
            self._start(claim)

    def wake(self) -> None:
        """Wake the thread, if there is one, so that it looks for changes."""
        self._claim.wake()

    def work_here(self, work: Callable[[], bool]) -> None:
        """Do `work` on this thread, if no other thread does any; `work` returns whether all is done."""
        claim = Claim(monotonic())
        if not self.is_started and self._claim.succeeded_by(claim) is claim and claim.begin():
            self._claim = claim
            try:
                if work():
                    _stranded.discard(self)
            finally:
                claim.end()

    def has_ended_within(self, seconds: float) -> bool:
        """Whether the thread, which was told to end, has ended; waits at most `seconds`."""
        deadline = monotonic() + seconds
        alarm = Alarm()
        while self.is_started and monotonic() < deadline:
            alarm.wait(POLL_INTERVAL_S)
        return not self.is_started

    def forget(self) -> None:
        """Keep this worker alive no longer: its work belongs to the parent of a forked child, or was given up."""
        _stranded.discard(self)

    def _start(self, former: Claim) -> None:
        """Start a thread in place of one that has ended or that never began."""
        now = monotonic()
        if sys.is_finalizing() or (former.status is VOID and now < self._may_start_at) or not self._may_start():
            return
        if thread_kind() is NONE:
            _stranded.add(self)
            return
        former.void()
        if former.status is RUNNING:  # its thread has begun after all
            return
        claim = Claim(now)
        try:
            first = former.succeeded_by(claim)
            self._claim = first
            if first is claim:
                _stranded.add(self)
                start_thread(self._launch if thread_kind() is DAEMON else self._run, (claim,), THREAD_NAME)
        except RuntimeError:  # no more threads, or the interpreter is ending: a later call tries again
            claim.void()
            self._may_start_at = now + MIN_RESTART_S
        except BaseException:  # raised by a signal handler
            claim.void()
            raise

    def _launch(self, claim: Claim) -> None:
        """Start a named thread from a bare thread, where no signal handler runs; debuggers and tests know it by its name."""
        try:
            threading.Thread(target=self._run, args=(claim,), name=THREAD_NAME, daemon=True).start()
        except BaseException:  # Python 3.12 starts no thread at its exit
            self._run(claim)

    def _run(self, claim: Claim) -> None:
        in_greenlet = starts_greenlets()
        try:
            claim.alarm = alarm = Alarm()
            if claim.begin():
                _stranded.discard(self)
                self._work(alarm)
        finally:
            claim.end()
        while in_greenlet is not starts_greenlets():
            # `threading` does not know a thread that is older than the patch, and would print a KeyError when it ends.
            alarm.wait(-1)
