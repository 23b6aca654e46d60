"""The watch over what is never finished, on request: which span nobody finished, which scope nobody closed, and who began it.

Rules: a finalizer runs in the middle of anything, perhaps while its thread holds a lock of a log handler.  So it counts and
appends, and a short-lived thread of ours logs; at the process's end the thread that ends it logs what remains.
Nothing here keeps a span or a scope alive, and a tracer without a watch pays nothing.
"""

from __future__ import annotations

import logging
import sys
import weakref
from collections import deque
from contextlib import suppress
from functools import wraps
from typing import Any

from opentracing import Scope, ScopeManager

from .clock import monotonic, sleep
from .process.forking import may_start_thread, renew_in_children
from .process.interpreter import DAEMON, at_end, start_thread, thread_kind
from .span import MAX_NAME_LENGTH, RecordingSpan, WallClockSpan

__all__ = ["MAX_PLACES", "Watch"]

log = logging.getLogger("opentracing_zipkin")

MAX_PLACES = 100  # that are said; what begins elsewhere is counted only
MAX_WAIT_S = 1.0  # at the process's end, for the thread that is saying something
POLL_S = 0.005

_APIS = ("opentracing", "opentelemetry.trace", "opentelemetry.util", "contextlib")

_all: weakref.WeakSet[Watch] = weakref.WeakSet()
_registered: list[bool] = []


class Watch:
    """Over one tracer's spans, and the scopes of its scope manager; may be used from any thread and by finalizers."""

    def __init__(self) -> None:
        self.count = 0  # of spans that were never finished, and of scopes that were never closed
        self._open: dict[int, tuple[weakref.ref[Any], str]] = {}  # by id, with the place where it began
        self._said: set[str] = set()
        self._texts: deque[str] = deque()  # to be said
        self._turn = [None]  # a token for one thread that says them
        self._scope_types: dict[type, type] = {}
        self._may_speak = thread_kind() is DAEMON
        _all.add(self)
        if not _registered:
            _registered.append(True)
            at_end(_end_all)
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """The parent answers for what it has begun."""
        self.count = 0
        self._open.clear()
        self._texts.clear()
        self._turn = [None]

    # Watching

    def over(self, tracer: Any, scope_manager: ScopeManager | None) -> None:
        """Watch what this tracer starts, and what this scope manager, if there is one, activates."""
        start = tracer.start_span

        @wraps(start)
        def start_span(*args: Any, **kwargs: Any) -> Any:
            span = start(*args, **kwargs)
            watched = _SPAN_TYPES.get(type(span))
            return span if watched is None else self._begin(span, watched)

        tracer.start_span = start_span
        record = tracer._record

        def watched_record(span: Any) -> None:
            self.end(span)
            record(span)

        tracer._record = watched_record
        if scope_manager is not None:
            self._over_scopes(scope_manager)

    def _over_scopes(self, scope_manager: Any) -> None:
        activate = scope_manager.activate

        @wraps(activate)
        def watched_activate(span: Any, finish_on_close: bool) -> Scope:
            scope: Scope = activate(span, finish_on_close)
            if isinstance(span, RecordingSpan):
                kind = type(scope)
                watched = self._scope_types.get(kind) or self._scope_types.setdefault(kind, _watched_scope(kind))
                self._begin(scope, watched)
            return scope

        scope_manager.activate = watched_activate

    def _begin(self, thing: Any, watched: type) -> Any:
        self._open[id(thing)] = (weakref.ref(thing), _place())
        thing._watch = self
        thing.__class__ = watched  # of the same layout, with another end
        return thing

    def follow(self, span: Any) -> None:
        """Watch a span whose class must stay as it is: it ends when it is recorded, and a weak reference shows its loss."""
        key, name, place = id(span), _name(span), _place()

        def lose(_: object) -> None:  # a finalizer
            if self._open.pop(key, None) is not None and not sys.is_finalizing():
                self._tell(place, _never_finished(name, place))
                self._speak()

        self._open[key] = (weakref.ref(span, lose), place)

    def end(self, thing: Any) -> None:
        """It was finished or closed, as it should be."""
        self._open.pop(id(thing), None)

    def lose(self, thing: Any) -> None:
        """By a finalizer: it will never be finished or closed, if it has not been."""
        _, place = self._open.pop(id(thing), (None, None))
        if place is not None and not sys.is_finalizing():
            self._lost(thing, place)
            self._speak()

    def close(self) -> None:
        """Counts everything that is open now as never finished."""
        for known, (begun, place) in list(self._open.items()):
            thing = begun()
            if self._open.pop(known, None) is not None and thing is not None:
                self._lost(thing, place)
        self._speak()

    # Saying

    def texts(self) -> list[str]:
        """The texts of all that was lost and not said yet, and of all that is open now."""
        open_now = [(begun(), place) for begun, place in list(self._open.values())]
        return [*self._texts, *filter(None, (_text(thing, place) for thing, place in open_now if thing is not None))]

    def _lost(self, thing: Any, place: str) -> None:
        text = _text(thing, place)
        if text is not None:
            self._tell(place, text)

    def _tell(self, place: str, text: str) -> None:
        self.count += 1  # no call is in here, so no other thread comes between
        if place not in self._said and len(self._said) < MAX_PLACES:
            self._said.add(place)
            self._texts.append(text)

    def _speak(self) -> None:
        """Start the thread, if there is something to say and none is at it; it takes no lock."""
        if self._texts and self._may_speak and may_start_thread():
            try:
                self._turn.pop()
            except IndexError:
                return
            try:
                start_thread(self._say_in_turn, (), "zipkin-unfinished")
            except RuntimeError:  # no thread is left, or the interpreter is going down: it is said at its end
                self._turn.append(None)

    def _say_in_turn(self) -> None:
        while True:
            self._say()
            self._turn.append(None)
            if not self._texts:
                return
            try:
                self._turn.pop()
            except IndexError:
                return

    def _say(self) -> None:
        while self._texts:
            with suppress(BaseException):  # whatever the application's log handlers do; or another thread says the last one
                log.warning("zipkin: %s (said once for this line)", self._texts.popleft())

    def say_last(self) -> None:
        """At the process's end, where no thread starts any more."""
        self._may_speak = False
        self.close()
        deadline = monotonic() + MAX_WAIT_S
        while not self._turn and monotonic() < deadline:
            sleep(POLL_S)
        self._say()


def _finalize(thing: Any) -> None:
    with suppress(BaseException):  # a module is gone already, as the interpreter goes down
        thing._watch.lose(thing)


class _WatchedSpan(RecordingSpan):
    __slots__ = ()

    _watch: Watch
    __del__ = _finalize

    def finish(self, finish_time: float | None = None) -> None:
        self._watch.end(self)
        super().finish(finish_time)

    def _close(self) -> None:
        self._watch.end(self)
        super()._close()


class _WatchedWallClockSpan(_WatchedSpan, WallClockSpan):
    __slots__ = ()


_SPAN_TYPES: dict[type, type] = {RecordingSpan: _WatchedSpan, WallClockSpan: _WatchedWallClockSpan}


def _watched_scope(kind: Any) -> type:
    class WatchedScope(kind):  # type: ignore[misc]  # any scope manager's
        __slots__ = ()

        _watch: Watch
        __del__ = _finalize

        def close(self) -> None:
            self._watch.end(self)
            super().close()

    WatchedScope.__name__ = WatchedScope.__qualname__ = kind.__name__
    return WatchedScope


def _text(thing: Any, place: str) -> str | None:
    """The fault of a span or scope; None where it is its span that counts, which is not finished either."""
    if isinstance(thing, RecordingSpan):
        return _never_finished(_name(thing), place)
    if hasattr(thing.span, "_once"):
        return None
    return f"scope of {_name(thing.span)} was never closed; it was opened at {place}"


def _name(span: Any) -> str:
    return repr(getattr(span, "_name", "")[:MAX_NAME_LENGTH])


def _never_finished(name: str, place: str) -> str:
    return f"span {name} was never finished; it was started at {place}"


def _place() -> str:
    """File and line of the caller outside the packages of both APIs, which say nothing of who forgets what."""
    frame = sys._getframe(2)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_APIS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _end_all() -> None:
    for watch in list(_all):
        watch.say_last()
