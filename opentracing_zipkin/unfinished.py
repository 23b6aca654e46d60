"""The watch over unfinished spans, on request: reports spans never finished and scopes never closed, and where they began.

Rules: a finalizer runs in the middle of any code, perhaps while its thread holds a lock of a log handler.  So it only counts
and appends, and a short-lived thread of ours logs.  At the process's end the thread that ends it logs the rest.  The watch
keeps no span and no scope alive, and a tracer without a watch pays nothing.
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
from .span import RecordingSpan, WallClockSpan
from .tags import MAX_NAME_LENGTH

__all__ = ["MAX_LOGGED_PLACES", "Watch"]

log = logging.getLogger("opentracing_zipkin")

MAX_LOGGED_PLACES = 100  # for any other place a loss is only counted
MAX_WAIT_S = 1.0  # at the process's end, for a thread that is logging
POLL_INTERVAL_S = 0.005

_APIS = ("opentracing", "opentelemetry.trace", "opentelemetry.util", "contextlib")

_all: weakref.WeakSet[Watch] = weakref.WeakSet()
_registered: list[bool] = []


class Watch:
    """Watches one tracer's spans, and the scopes of its scope manager; may be used from any thread and by finalizers."""

    def __init__(self) -> None:
        self.count = 0  # of spans that were never finished, and of scopes that were never closed
        self._open: dict[int, tuple[weakref.ref[Any], str]] = {}  # by id, with the place where the span or scope began
        self._logged_places: set[str] = set()
        self._texts: deque[str] = deque()  # not logged yet
        self._turn = [None]  # a token for the one thread that logs them
        self._scope_types: dict[type, type] = {}
        self._may_log = thread_kind() is DAEMON
        _all.add(self)
        if not _registered:
            _registered.append(True)
            at_end(_end_all)
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Forget everything in a forked child: the parent reports the spans and scopes that it began."""
        self.count = 0
        self._open.clear()
        self._texts.clear()
        self._turn = [None]

    # Watching

    def watch(self, tracer: Any, scope_manager: ScopeManager | None) -> None:
        """Watch the spans that this tracer starts, and the scopes that this scope manager, if given, activates."""
        start = tracer.start_span

        @wraps(start)
        def start_span(*args: Any, **kwargs: Any) -> Any:
            span = start(*args, **kwargs)
            watched = _SPAN_TYPES.get(type(span))
            return span if watched is None else self._begin(span, watched)

        tracer.start_span = start_span
        record = tracer._record

        def watched_record(span: Any) -> None:
            self.forget(span)
            record(span)

        tracer._record = watched_record
        if scope_manager is not None:
            self._watch_scopes(scope_manager)

    def _watch_scopes(self, scope_manager: Any) -> None:
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
        thing.__class__ = watched  # a subclass with the same layout, which tells the watch of its end
        return thing

    def follow(self, span: Any) -> None:
        """Watch a span whose class must not change: its record ends the watch, and a weak reference shows its loss."""
        key, name, place = id(span), _name(span), _place()

        def report(_: object) -> None:  # a finalizer
            if self._open.pop(key, None) is not None and not sys.is_finalizing():
                self._report(place, _never_finished(name, place))
                self._start_logging()

        self._open[key] = (weakref.ref(span, report), place)

    def forget(self, thing: Any) -> None:
        """Stop watching a span or scope that was finished or closed as it should be."""
        self._open.pop(id(thing), None)

    def count_lost(self, thing: Any) -> None:
        """Count a span or scope that nothing references any more and that is still open; called by its finalizer."""
        _, place = self._open.pop(id(thing), (None, None))
        if place is not None and not sys.is_finalizing():
            self._report_lost(thing, place)
            self._start_logging()

    def close(self) -> None:
        """Count all spans and scopes that are open now as never finished."""
        for known, (begun, place) in list(self._open.items()):
            thing = begun()
            if self._open.pop(known, None) is not None and thing is not None:
                self._report_lost(thing, place)
        self._start_logging()

    # Logging

    def texts(self) -> list[str]:
        """The texts of all losses that are not logged yet, and of all spans and scopes that are open now."""
        open_now = [(begun(), place) for begun, place in list(self._open.values())]
        return [*self._texts, *filter(None, (_text(thing, place) for thing, place in open_now if thing is not None))]

    def _report_lost(self, thing: Any, place: str) -> None:
        text = _text(thing, place)
        if text is not None:
            self._report(place, text)

    def _report(self, place: str, text: str) -> None:
        self.count += 1  # this line has no call, so no other thread runs in the middle of it
        if place not in self._logged_places and len(self._logged_places) < MAX_LOGGED_PLACES:
            self._logged_places.add(place)
            self._texts.append(text)

    def _start_logging(self) -> None:
        """Start the logging thread if there are texts and no thread is logging; takes no lock."""
        if self._texts and self._may_log and may_start_thread():
            try:
                self._turn.pop()
            except IndexError:
                return
            try:
                start_thread(self._log_in_turn, (), "zipkin-unfinished")
            except RuntimeError:  # no more threads, or the interpreter is ending: the rest is logged at its end
                self._turn.append(None)

    def _log_in_turn(self) -> None:
        while True:
            self._log_texts()
            self._turn.append(None)
            if not self._texts:
                return
            try:
                self._turn.pop()
            except IndexError:
                return

    def _log_texts(self) -> None:
        while self._texts:
            with suppress(BaseException):  # log handlers may raise anything, or another thread took the last text
                log.warning("zipkin: %s (logged once for this line)", self._texts.popleft())

    def log_last(self) -> None:
        """Log the rest at the process's end, where no thread can be started any more."""
        self._may_log = False
        self.close()
        deadline = monotonic() + MAX_WAIT_S
        while not self._turn and monotonic() < deadline:
            sleep(POLL_INTERVAL_S)
        self._log_texts()


def _finalize(thing: Any) -> None:
    with suppress(BaseException):  # as the interpreter ends, a module may be gone already
        thing._watch.count_lost(thing)


class _WatchedSpan(RecordingSpan):
    __slots__ = ()

    _watch: Watch
    __del__ = _finalize

    def finish(self, finish_time: float | None = None) -> None:
        self._watch.forget(self)
        super().finish(finish_time)

    def _discard(self) -> None:
        self._watch.forget(self)
        super()._discard()


class _WatchedWallClockSpan(_WatchedSpan, WallClockSpan):
    __slots__ = ()


_SPAN_TYPES: dict[type, type] = {RecordingSpan: _WatchedSpan, WallClockSpan: _WatchedWallClockSpan}


def _watched_scope(kind: Any) -> type:
    class WatchedScope(kind):  # type: ignore[misc]  # the scope class of any scope manager
        __slots__ = ()

        _watch: Watch
        __del__ = _finalize

        def close(self) -> None:
            self._watch.forget(self)
            super().close()

    WatchedScope.__name__ = WatchedScope.__qualname__ = kind.__name__
    return WatchedScope


def _text(thing: Any, place: str) -> str | None:
    """The report of a span or scope; None for a scope whose span is not finished either, because that span is reported."""
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
    """File and line of the first caller outside the packages of both APIs, whose own lines do not show who forgot to finish."""
    frame = sys._getframe(2)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_APIS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _end_all() -> None:
    for watch in list(_all):
        watch.log_last()
