"""The reporter's loop: the whole work of its thread, or of another thread where no thread may be started.

Rules: an exception in a round, even a `BaseException`, does not end the loop.  An exception while the loop waits does end it,
because gevent ends greenlets in this way.  The next span, flush or exit then starts another thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..senders import Sender
from .alarm import Alarm
from .backlog import Backlog
from .delivery import Delivery
from .gil import Handover
from .greenlets import is_hub_missing, starts_greenlets
from .log import GuardedLog
from .rounds import Rounds
from .state import PAUSED, State
from .untraced import suppress_instrumentation

__all__ = ["Loop"]

HUB_POLL_INTERVAL_S = 0.05  # between two looks whether gevent has its hub
RECOVERY_DELAY_S = 0.05  # after an unexpected exception


class Loop:
    """Runs rounds on the reporter's thread until the reporter ends.

    `flush_interval`: seconds.  `prepare` is called once, before the first round.
    """

    def __init__(
        self,
        rounds: Rounds,
        backlog: Backlog,
        delivery: Delivery,
        sender: Sender,
        state: State,
        log: GuardedLog,
        flush_interval: float,
        prepare: Callable[[], None],
    ) -> None:
        self._rounds = rounds
        self._backlog = backlog
        self._delivery = delivery
        self._sender = sender
        self._state = state
        self._log = log
        self._flush_interval = flush_interval
        self._prepare = prepare
        self._is_prepared = False

    def run(self, alarm: Alarm) -> None:
        """Do all work of the thread.

        A thread that started before gevent or eventlet patched sends the waiting spans and then leaves the work to a greenlet.
        """
        try:
            self._prepare_once()
            self.open_fast_path()
            in_greenlet = starts_greenlets()
            handover = Handover(in_greenlet)
            while not (self._rounds.is_done and (self._state.is_closed or in_greenlet is not starts_greenlets())):
                alarm.wait(self._idle_s())
                if not in_greenlet and is_hub_missing():
                    alarm.wait(HUB_POLL_INTERVAL_S)
                    continue
                try:
                    suppress_instrumentation()
                    self._rounds.run(handover)
                except BaseException:  # the thread must not end: the next round may succeed
                    self._recover()
                    alarm.wait(RECOVERY_DELAY_S)
        finally:
            self._backlog.close_fast_path()
        self._sender.close()

    def run_once(self) -> bool:
        """Do one round on the calling thread, where no thread may be started; returns whether nothing waits any more."""
        self._prepare_once()
        suppress_instrumentation()
        try:
            self._rounds.run(Handover())
        except Exception:  # as on the reporter's thread: the next round may succeed
            self._recover()
        except BaseException:
            self._rounds.recover()
            raise
        return self._rounds.is_done

    def send_within(self, seconds: float) -> bool:
        """Do one round of at most `seconds` on the calling thread, at the process's end, where no thread could be started."""
        self._prepare_once()
        suppress_instrumentation()
        self._sender.limit(seconds)
        self._rounds.run(Handover())
        return self._rounds.is_done

    def open_fast_path(self) -> None:
        """Open the fast path of offers, unless no span is taken."""
        self._backlog.open_fast_path()
        if not self._state.is_open:
            self._backlog.close_fast_path()

    def _prepare_once(self) -> None:
        if self._is_prepared:
            return
        self._is_prepared = True
        try:
            self._prepare()
        except BaseException:  # application code, such as its scope manager
            self._log.say(logging.ERROR, "the reporter's preparation failed; spans are reported nevertheless", traceback=True)

    def _recover(self) -> None:
        self._rounds.recover()
        self._log.say(logging.ERROR, "reporting failed unexpectedly", traceback=True)

    def _idle_s(self) -> float:
        """Seconds to wait for work: until the next flush, or until the next try of a failed message."""
        if self._state.now is PAUSED:
            return self._flush_interval
        delay_s = self._delivery.delay_s()
        if delay_s is None:
            return 0.0 if self._state.is_closed else self._flush_interval
        return min(self._flush_interval, delay_s)
