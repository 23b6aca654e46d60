"""The reporter's thread: started when it is needed, one at a time, and replaced when it is gone.

Rules: `attend` may be called from any thread, from a signal's handler, and by the garbage collector in the middle of itself.
It waits for nothing and holds no lock: who may start the thread is decided by a `Claim`.  In a subinterpreter, which handles
no signals, the first call waits until the thread has started; where there may be no thread, the work waits for `work_here`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from ..clock import monotonic
from ..process.interpreter import DAEMON, NONE, start_thread, thread_kind
from .alarm import Alarm
from .claim import MAX_PENDING_S, PENDING, RUNS, VOID, Claim
from .greenlets import are_threads

__all__ = ["Worker"]

NAME = "zipkin-reporter"
POLL_S = 0.002
MIN_RESTART_S = 0.5  # between two tries where no thread can be started

# Workers that have work and no thread yet: nobody else may hold them, and then they would be lost with their spans.
_stranded: set[Worker] = set()


class Worker:
    """`work` is what the thread does, until it returns; `may_start` says whether a thread may be started now."""

    def __init__(self, work: Callable[[Alarm], None], may_start: Callable[[], bool]) -> None:
        self._work = work
        self._may_start = may_start
        self._claim = Claim(0.0)
        self._claim.void()
        self._may_start_at = 0.0

    @property
    def runs(self) -> bool:
        """Whether the thread has begun and has not ended."""
        return self._claim.fate is RUNS

    @property
    def is_there(self) -> bool:
        """Whether the thread runs, or has been started."""
        return self._claim.fate in (RUNS, PENDING)

    def attend(self, wake: bool = True) -> None:
        """There is work: start the thread, or wake it if that is asked for."""
        claim = self._claim
        if claim.fate is RUNS:
            if wake:
                claim.wake()
        elif claim.fate is not PENDING or monotonic() - claim.made_at > MAX_PENDING_S:
            self._start(claim)

    def wake(self) -> None:
        """Let the thread look what has changed, if there is one."""
        self._claim.wake()

    def work_here(self, work: Callable[[], bool]) -> None:
        """Do some work on this thread, if no other does any; `work` says whether all is done."""
        claim = Claim(monotonic())
        if not self.is_there and self._claim.succeeded_by(claim) is claim and claim.begin():
            self._claim = claim
            try:
                if work():
                    _stranded.discard(self)
            finally:
                claim.end()

    def has_ended_within(self, seconds: float) -> bool:
        """Whether the thread is gone, which has been told to end; waits so long at most."""
        deadline = monotonic() + seconds
        alarm = Alarm()
        while self.is_there and monotonic() < deadline:
            alarm.wait(POLL_S)
        return not self.is_there

    def forget(self) -> None:
        """Nothing of its work is left: in a forked child, whose parent has it, or because it was given up."""
        _stranded.discard(self)

    def _start(self, former: Claim) -> None:
        """Start a thread in place of one that has ended, or that never began."""
        now = monotonic()
        if sys.is_finalizing() or (former.fate is VOID and now < self._may_start_at) or not self._may_start():
            return
        if thread_kind() is NONE:
            _stranded.add(self)
            return
        former.void()
        if former.fate is RUNS:  # it has begun at last
            return
        claim = Claim(now)
        try:
            first = former.succeeded_by(claim)
            self._claim = first
            if first is claim:
                _stranded.add(self)
                start_thread(self._launch if thread_kind() is DAEMON else self._run, (claim,), NAME)
        except RuntimeError:  # no threads left, or the interpreter is going down: a later call tries again
            claim.void()
            self._may_start_at = now + MIN_RESTART_S
        except BaseException:  # a signal's handler
            claim.void()
            raise

    def _launch(self, claim: Claim) -> None:
        """On a bare thread, where no signal's handler runs: make of it one with a name, which debuggers and tests know."""
        try:
            threading.Thread(target=self._run, args=(claim,), name=NAME, daemon=True).start()
        except BaseException:  # Python 3.12 starts none at its exit
            self._run(claim)

    def _run(self, claim: Claim) -> None:
        in_greenlet = are_threads()
        try:
            claim.alarm = alarm = Alarm()
            if claim.begin():
                _stranded.discard(self)
                self._work(alarm)
        finally:
            claim.end()
        while in_greenlet is not are_threads():
            # `threading` does not find a thread that is older than the patch, and would print a KeyError at its end.
            alarm.wait(-1)
