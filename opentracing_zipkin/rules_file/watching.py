"""Rules out of a file that is looked at once a second; a file that cannot be used leaves the rules as they were.

Rules: the application's thread reads no file, except for the first one when the tracer is made.  The thread that looks is
started by the first root, one for each file, and holds nothing that keeps the tracer alive.  There is no lock: who may start it
is decided by `setdefault`, and a forked child starts its own.  A change counts when two looks have seen the same content, as a
file may be read while it is being written.  Each look reads the file: its time and size may be the same after a change.
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

__all__ = ["POLL_S", "WatchedRules"]

POLL_S = 1.0
SETTLE_S = 0.1  # until a content that was seen once is looked at again
JOINED_POLL_S = 0.1  # where the interpreter's end waits for the thread
RETRY_S = 1.0  # until a thread that could not be started is tried again

_all: weakref.WeakSet[WatchedRules] = weakref.WeakSet()


class WatchedRules(RootSampler):
    """The rules in the file at `path`; `otherwise` is the sampler of roots that none fits.

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
            self._judged: bytes | str = content_of(path)
            self._rules = Rules(rules_in(self._judged), otherwise)
        except Mistake as mistake:
            where = f", {mistake.place}:" if mistake.line else ", which"
            raise WrongSetting("sampling_rules", f"is {path!r}{where} {mistake}") from None
        self.headers = self._rules.headers
        self._pending: bytes | str | None = None  # a content that was seen once
        self._is_wrong = False
        self._turns: dict[str, object] = {}  # the token of the thread that looks
        self._retry_at = 0.0
        self._is_closed = False
        renew_in_children(self)
        if not _all:
            at_end(_close_all)
        _all.add(self)

    def renew_after_fork(self) -> None:
        """The parent's thread is not here."""
        self._turns = {}

    def close(self) -> None:
        """The rules stay as they are; the thread ends at its next look."""
        self._is_closed = True

    @property
    def rules(self) -> Rules:
        """Those in force now."""
        return self._rules

    def decide(self, trace_id: int, root: Root, /) -> bool:
        if not self._turns:
            self._attend()
        return self._rules.decide(trace_id, root)

    def __repr__(self) -> str:
        return f"WatchedRules({self._path!r})"

    # The thread

    def _attend(self) -> None:
        """Start the thread, if nobody has and it is possible."""
        if self._is_closed or sys.is_finalizing() or not may_start_thread() or monotonic() < self._retry_at:
            return
        turns, turn = self._turns, object()
        try:
            if turns.setdefault("turn", turn) is turn:
                start_thread(_watch, (weakref.ref(self), turn), "zipkin-sampling-rules")
        except RuntimeError:  # no thread is left, or none may be here
            self._retry_at = monotonic() + RETRY_S
            _give_back(turns, turn)
        except BaseException:  # of a signal's handler
            _give_back(turns, turn)
            raise

    def _is_turn(self, turn: object) -> bool:
        return not self._is_closed and self._turns.get("turn") is turn

    def look(self) -> float:
        """See what has become of the file; the seconds until the next look."""
        content: bytes | str
        try:
            content = content_of(self._path)
        except Mistake as mistake:
            content = str(mistake)
        if content == self._judged:
            self._pending = None
        elif content != self._pending:
            self._pending = content
            return SETTLE_S
        else:
            self._pending = None
            self._judged = content
            self._judge(content)
        return POLL_S

    def _judge(self, content: bytes | str) -> None:
        try:
            if isinstance(content, str):
                raise Mistake(content)
            rules = Rules(rules_in(content), self._otherwise, self._rules)
        except Mistake as mistake:
            self._is_wrong = True
            where = f"{self._path}, {mistake.place}:" if mistake.line else f"{self._path}"
            log.warning("zipkin: the file of sampling rules %s %s; the rules that were read before stay", where, mistake)
            return
        self.headers = rules.headers  # first, so that no rule misses its header
        self._rules = rules
        again = "can be used again, and " if self._is_wrong else ""
        self._is_wrong = False
        log.info("zipkin: the file of sampling rules %s %shas changed: %d in force", self._path, again, len(rules.rules))


def _watch(weak: weakref.ref[WatchedRules], turn: object) -> None:
    """All that the thread does, until the rules are gone or closed."""
    starts = _thread.start_new_thread
    longest = JOINED_POLL_S if thread_kind() is JOINED else POLL_S
    wait = threading.Lock()  # of the thread's own kind, also where gevent has patched; a mock of `time.sleep` does not see it
    wait.acquire()
    try:
        pause = 0.0
        while True:
            wait.acquire(timeout=min(pause, longest)) if pause else None
            watched = weak()
            # Where gevent has patched meanwhile, a greenlet goes on.
            if watched is None or not watched._is_turn(turn) or _thread.start_new_thread is not starts:
                return
            try:
                pause = watched.look()
            except Exception:  # the file is looked at again
                pause = POLL_S
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
