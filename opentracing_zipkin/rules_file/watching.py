"""Sampling rules from a file that is read once a second; if the file cannot be used, the rules stay as they were.

Rules: the application's threads read the file only when the tracer is made.  Later a separate thread reads it.  The first root
starts one such thread for each file; the thread does not keep the tracer alive.  There is no lock: `setdefault` decides which
thread may start it, and a forked child starts its own.  A change counts when the same content was read twice, because the file
may be read while it is being written.  The content is compared, because time and size may be the same after a change.
"""

from __future__ import annotations

import _thread
import sys
import threading
import weakref
from collections.abc import Callable

from ..clock import monotonic
from ..log import log
from ..option import WrongSetting
from ..process.forking import may_start_thread, renew_in_children
from ..process.interpreter import JOINED, at_end, start_thread, thread_kind
from ..sampling import Root, RootSampler, Rules
from .mistakes import Mistake
from .reading import check_reader, content_of, rules_in

__all__ = ["POLL_INTERVAL_S", "WatchedRules"]

POLL_INTERVAL_S = 1.0
CONFIRM_DELAY_S = 0.1  # the wait before changed content is read again, to confirm it
JOINED_POLL_INTERVAL_S = 0.1  # shorter, where the interpreter waits for the thread at its end
RETRY_DELAY_S = 1.0  # the wait after a failure to start the thread

_all: weakref.WeakSet[WatchedRules] = weakref.WeakSet()


class WatchedRules(RootSampler):
    """The rules in the file at `path`; `otherwise` is the sampler of roots that no rule fits.

    Raises ValueError that names the setting, the mistake with line and column, and the remedy.
    """

    def __init__(self, path: str, otherwise: Callable[[int], bool]) -> None:
        try:
            check_reader()
        except ImportError as error:
            raise WrongSetting("sampling_rules", f"is {path!r}; {error}") from None
        self._path = path
        self._otherwise = otherwise
        try:
            self._last_content: bytes | str = content_of(path)
            self._rules = Rules(rules_in(self._last_content), otherwise)
        except Mistake as mistake:
            where = f", {mistake.place}:" if mistake.line else ", which"
            raise WrongSetting("sampling_rules", f"is {path!r}{where} {mistake}") from None
        self.headers = self._rules.headers
        self._pending: bytes | str | None = None  # changed content that was read once
        self._is_wrong = False
        self._turns: dict[str, object] = {}  # the token of the thread that reads the file
        self._retry_at = 0.0
        self._is_closed = False
        renew_in_children(self)
        if not _all:
            at_end(_close_all)
        _all.add(self)

    def renew_after_fork(self) -> None:
        """Forget the parent's thread, which does not exist here."""
        self._turns = {}

    def close(self) -> None:
        """Stop watching: the thread ends within its next interval, and the rules stay as they are."""
        self._is_closed = True

    @property
    def rules(self) -> Rules:
        """The rules that are used now."""
        return self._rules

    def decide(self, trace_id: int, root: Root, /) -> bool:
        if not self._turns:
            self._start_thread_once()
        return self._rules.decide(trace_id, root)

    def __repr__(self) -> str:
        return f"WatchedRules({self._path!r})"

    # The thread

    def _start_thread_once(self) -> None:
        """Start the thread, if this is possible and no other thread has done it."""
        if self._is_closed or sys.is_finalizing() or not may_start_thread() or monotonic() < self._retry_at:
            return
        turns, turn = self._turns, object()
        try:
            if turns.setdefault("turn", turn) is turn:
                start_thread(_watch, (weakref.ref(self), turn), "zipkin-sampling-rules")
        except RuntimeError:  # the system or the interpreter allows no new thread
            self._retry_at = monotonic() + RETRY_DELAY_S
            _give_back(turns, turn)
        except BaseException:  # raised by a signal's handler
            _give_back(turns, turn)
            raise

    def _is_turn(self, turn: object) -> bool:
        return not self._is_closed and self._turns.get("turn") is turn

    def look(self) -> float:
        """Read the file, and use it if it has changed; returns the seconds until the next look."""
        content: bytes | str
        try:
            content = content_of(self._path)
        except Mistake as mistake:
            content = str(mistake)
        if content == self._last_content:
            self._pending = None
        elif content != self._pending:
            self._pending = content
            return CONFIRM_DELAY_S
        else:
            self._pending = None
            self._last_content = content
            self._apply(content)
        return POLL_INTERVAL_S

    def _apply(self, content: bytes | str) -> None:
        try:
            if isinstance(content, str):
                raise Mistake(content)
            rules = Rules(rules_in(content), self._otherwise, self._rules)
        except Mistake as mistake:
            self._is_wrong = True
            where = f"{self._path}, {mistake.place}:" if mistake.line else f"{self._path}"
            log.warning(
                "zipkin: the file of sampling rules %s %s; the rules that were read before are still used", where, mistake
            )
            return
        self.headers = rules.headers  # before the rules, so that no new rule misses its header
        self._rules = rules
        again = "can be used again, and " if self._is_wrong else ""
        self._is_wrong = False
        log.info(
            "zipkin: the file of sampling rules %s %shas changed; rules in use now: %d", self._path, again, len(rules.rules)
        )


def _watch(weak: weakref.ref[WatchedRules], turn: object) -> None:
    """The thread: look at the file again and again, until the rules are closed or garbage-collected."""
    starts = _thread.start_new_thread
    longest = JOINED_POLL_INTERVAL_S if thread_kind() is JOINED else POLL_INTERVAL_S
    wait = threading.Lock()  # its timeout is a sleep that suits gevent, and that no mock of `time.sleep` changes
    wait.acquire()
    try:
        pause = 0.0
        while True:
            wait.acquire(timeout=min(pause, longest)) if pause else None
            watched = weak()
            # If gevent has patched the interpreter meanwhile, the next root starts a greenlet in place of this thread.
            if watched is None or not watched._is_turn(turn) or _thread.start_new_thread is not starts:
                return
            try:
                pause = watched.look()
            except Exception:  # the next look may succeed
                pause = POLL_INTERVAL_S
                log.exception("zipkin: the file of sampling rules %s cannot be looked at", watched._path)
            watched = None
    finally:
        watched = weak()
        if watched is not None:
            _give_back(watched._turns, turn)


def _give_back(turns: dict[str, object], turn: object) -> None:
    if turns.get("turn") is turn:
        turns.pop("turn", None)


def _close_all() -> None:
    for watched in list(_all):
        watched.close()
