"""The recording of a test: while it runs, finished spans are kept in this process as objects, and none is sent.

Rules: the recording's tracer is the global one, and afterwards the former global tracer is restored.  A tracer that the
application configures, before the test or in it, also records here meanwhile, because a module may hold a reference to it since
its import.  Two kinds of tracers are left alone: one with a recorder of its own, and one that the test makes by hand and does
not make the global one.

The application may have configured its tracer in an earlier test, at an import or in a function that runs once, and still use
it.  An earlier test may also have configured a tracer for itself alone.  Both look the same.  So both record here, but a tracer
that this test does not use is not named as a reason for missing spans.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple

import opentracing
from opentracing.scope_managers.contextvars import ContextVarsScopeManager

from ..clock import monotonic
from ..parts import recorded_once
from ..reporter import Recorder, Reporter
from ..sampling.by_trace_id import is_boundary
from ..span import RecordingSpan
from ..stats import CAUSES, TracerStats
from ..text import printable, to_text
from ..tracer import ZipkinTracer
from ..unfinished import Watch
from .outline import compare
from .spans import MAX_LINE, POLL_INTERVAL_S, Spans

__all__ = ["UNFINISHED", "UnfinishedWarning", "ZipkinRecording"]

UNFINISHED = ("error", "warn", "ignore")
MAX_GRACE_S = 0.5  # seconds for threads that finish their spans just after the test has its answer

# Tracers that were the global one before a recording or in it; modules that were imported then may still hold them.
_configured: weakref.WeakSet[ZipkinTracer] = weakref.WeakSet()
_last_name: list[str] = []
_last_tracer: list[weakref.ref[ZipkinTracer]] = []


class UnfinishedWarning(UserWarning):
    """A test has left spans unfinished or scopes open."""


class _Recorder(Recorder):
    """Keeps spans in the form in which they would be sent."""

    def __init__(self, spans: Spans) -> None:
        self.spans = spans
        self._dropped = 0
        self._paused = False

    def record(self, span: RecordingSpan, /) -> None:
        if self._paused:
            self._dropped += 1
        else:
            self.spans.append(span.to_finished())

    def pause(self, paused: bool) -> None:
        self._paused = paused

    def stats(self) -> TracerStats:
        sent = len(self.spans)
        return TracerStats(sent + self._dropped, sent, 0, 0, {**dict.fromkeys(CAUSES, 0), "closed": self._dropped})

    def __repr__(self) -> str:
        return f"{len(self.spans)} spans recorded by a test"


class _Watch(Watch):
    """A watch that reports to a test, and never to the log."""

    def _start_logging(self) -> None:
        pass

    def log_last(self) -> None:
        pass


class _Redirected(NamedTuple):
    """A tracer that records here, with the recorder that it had before."""

    tracer: ZipkinTracer
    recorder: Recorder
    record: Callable[[Any], None]


class ZipkinRecording:
    """Keeps spans in `spans` from `start` to `stop`, or inside a `with` block.

    `service_name`: by default that of the tracer that the application configured last, else `test`.  `settings` are the
    settings of ZipkinTracer for spans and propagation: sampling, `b3_format`, `default_tags`, `trace_id_bits` and others.
    """

    def __init__(self, service_name: str | None = None, **settings: Any) -> None:
        self.spans = Spans(reasons=self._reasons)
        self._recorder = _Recorder(self.spans)
        self._service_name = service_name
        self._settings = settings
        self._own: ZipkinTracer | None = None
        self._redirected: list[_Redirected] = []
        self._undo: list[Callable[[], object]] = []
        self._watch = _Watch()
        self._earlier: list[ZipkinTracer] = []  # those of `_redirected` that were configured before this recording
        self._used: list[ZipkinTracer] = []  # those of `_earlier` that have started a span here
        self._left_unfinished: list[str] | None = None
        self._last_reasons: list[str] | None = None

    # For the test

    @property
    def tracer(self) -> ZipkinTracer:
        """The tracer that records these spans: the global one, even if the test has configured it."""
        current = opentracing.global_tracer()
        if isinstance(current, ZipkinTracer) and current._recorder is self._recorder:
            return current
        if self._own is None:
            raise RuntimeError("the recording does not run; call start(), or use it as a context manager")
        return self._own

    @property
    def stats(self) -> TracerStats:
        """The account of all tracers that record here; `sent` are the spans that were kept."""
        return self._recorder.stats()

    @property
    def unfinished(self) -> list[str]:
        """Each unfinished span and each open scope, with the place where it began."""
        return list(self._watch.texts()) if self._left_unfinished is None else self._left_unfinished

    def assert_tree(self, outline: str) -> None:
        """Check that the spans so far are exactly those of the outline; AssertionError shows both, line by line.

        An outline has one line for each span; children stand further right, and columns have two blanks between them.  First
        comes the name, with or without its service.  Then follow, where they matter: the kind, `-> remote service`, and tags as
        `key=value` or `key`.  `...` stands for any further spans at its place.  Lines of one level may stand in any order.
        """
        __tracebackhide__ = True
        try:
            difference = compare(outline, self.spans)
        except ValueError as error:
            raise ValueError(str(error)) from None  # raised here, so that pytest shows the test's own line
        if difference:
            reasons = "".join(f"\n{reason}" for reason in self._reasons())
            raise AssertionError(f"the spans differ (- expected, + recorded):\n{difference}{reasons}")

    def clear(self) -> None:
        """Forget the spans so far."""
        self.spans.clear()

    # Begin and end

    def start(self) -> ZipkinRecording:
        """Make the recording's tracer the global one."""
        former = opentracing.global_tracer()
        was_registered = opentracing.is_global_tracer_registered()
        set_former = opentracing.set_global_tracer
        if isinstance(former, ZipkinTracer):
            self._remember(former)
        name = self._service_name or (_last_name[0] if _last_name else "test")
        try:
            self._own = own = ZipkinTracer(name, recorder=self._recorder, **self._settings_with_shared_scopes())
        except BaseException:  # a wrong setting
            self._put_back()
            raise
        own.gives_way = True
        self._watch.watch(own, own.scope_manager if "scope_manager" not in self._settings else None)

        def set_global_tracer(value: Any) -> None:
            set_former(value)
            if isinstance(value, ZipkinTracer) and self._remember(value):
                self._redirect(value)

        def restore() -> None:
            vars(opentracing)["set_global_tracer"] = set_former
            set_former(former)
            if not was_registered:
                opentracing.is_tracer_registered = False

        set_former(own)
        vars(opentracing)["set_global_tracer"] = set_global_tracer
        self._undo.append(restore)
        for tracer in list(_configured):
            if isinstance(tracer._recorder, Reporter):  # not the recorder of a recording around this one
                self._redirect(tracer)
                self._earlier.append(tracer)
                self._notice_use(tracer)
        return self

    def stop(self, grace_s: float = MAX_GRACE_S) -> list[str]:
        """Restore everything; returns what was left unfinished, after a wait of at most `grace_s` for other threads."""
        if self._left_unfinished is None:
            self._wait_for_others(grace_s)
            self._left_unfinished = self._watch.texts()
            self._last_reasons = self._reasons()
            self._put_back()
            for tracer, recorder, record in self._redirected:
                tracer._recorder, tracer._record = recorder, record
                recorder.pause(not tracer.enabled)
        return self._left_unfinished

    def __enter__(self) -> ZipkinRecording:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _put_back(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _wait_for_others(self, seconds: float) -> None:
        deadline = monotonic() + seconds
        while threading.active_count() > 1 and self._watch.texts() and monotonic() < deadline:
            time.sleep(POLL_INTERVAL_S)

    # Tracers of the application

    @staticmethod
    def _remember(tracer: ZipkinTracer) -> bool:
        """Remember a tracer that reports; returns whether it does."""
        if not isinstance(tracer._recorder, Reporter):
            return False
        _configured.add(tracer)
        _last_name[:] = [tracer.service_name]
        _last_tracer[:] = [weakref.ref(tracer)]
        return True

    def _redirect(self, tracer: ZipkinTracer) -> None:
        """Let a tracer of the application record here."""
        self._redirected.append(_Redirected(tracer, tracer._recorder, tracer._record))
        tracer._recorder, tracer._record = self._recorder, recorded_once(self._recorder.record)
        manager = tracer.scope_manager
        is_shared = self._own is not None and manager is self._own.scope_manager  # then it is watched already
        is_ours = isinstance(manager, ContextVarsScopeManager) and not is_shared
        for changed, name in ((tracer, "start_span"), *([(manager, "activate")] if is_ours else [])):
            self._undo.append(_SavedAttribute(changed, name).restore)
        self._watch.watch(tracer, manager if is_ours else None)

    def _notice_use(self, tracer: ZipkinTracer) -> None:
        """Notice the first span that this tracer starts; `_redirect` has saved its method.

        OpenTelemetry's spans of a TracerProvider that was given this tracer are not noticed.
        """
        start = tracer.start_span

        @wraps(start)
        def start_span(*args: Any, **kwargs: Any) -> Any:
            if tracer not in self._used:
                self._used.append(tracer)
            return start(*args, **kwargs)

        vars(tracer)["start_span"] = start_span

    def _settings_with_shared_scopes(self) -> dict[str, Any]:
        """The settings, with the scope manager of the application's tracer, whose place ours takes.

        Outside a test there is one tracer: a module holds the application's, and an instrumented library that it calls uses the
        global one, which is the same.  With a common scope manager, a span of one tracer is a child of the other's active span
        here, too.
        """
        tracer = _last_tracer[0]() if _last_tracer else None
        if tracer is None or "scope_manager" in self._settings or not isinstance(tracer._recorder, Reporter):
            return self._settings
        manager = tracer.scope_manager
        self._undo.append(_SavedAttribute(manager, "activate").restore)
        variable = getattr(manager, "_current", None)
        if isinstance(variable, ContextVar):  # a span that was active before is no parent here
            before = variable.get()
            variable.set(None)
            self._undo.append(lambda: variable.set(before))
        return {**self._settings, "scope_manager": manager}

    def _reasons(self) -> list[str]:
        """The reasons why there may be fewer spans than a test expects; after `stop`, the reasons of that moment."""
        if self._last_reasons is not None:
            return self._last_reasons
        current = opentracing.global_tracer()
        found = [f"not finished: {text}" for text in self.unfinished]
        if self._own is not None and getattr(current, "_recorder", None) is not self._recorder:
            name = printable(to_text(current, MAX_LINE), MAX_LINE)
            found.append(
                f"the global tracer is now {name}, whose spans are not recorded here; "
                "set it with opentracing.set_global_tracer, and leave out recorder="
            )
        for tracer in [*([] if self._own is None else [self._own]), *(redirected.tracer for redirected in self._redirected)]:
            is_earlier = tracer in self._earlier
            if is_earlier and tracer not in self._used and tracer is not current:
                continue
            effect = _effect_of_settings(tracer)
            if effect:
                when = ", which was configured before this test," if is_earlier else ""
                found.append(f"the tracer of {tracer.service_name!r}{when} {effect}")
        return found


def _effect_of_settings(tracer: ZipkinTracer) -> str:
    """How a tracer's settings prevent spans; empty if they do not."""
    if not tracer.enabled:
        return "is switched off (enabled=False or ZIPKIN_ENABLED=false)"
    if tracer._samples_all:
        return ""
    if tracer._samples_none:
        return "samples no trace (sample_rate, sampler)"
    if is_boundary(tracer.sampler):
        return "samples some traces only (sample_rate, sampler)"
    return "has a sampler that may leave traces out (sampler, sampling_rules)"


class _SavedAttribute:
    """The present value of an object's attribute, to be restored later."""

    def __init__(self, owner: Any, name: str) -> None:
        self._owner = owner
        self._name = name
        self._had = name in vars(owner)
        self._value = vars(owner).get(name)

    def restore(self) -> None:
        if self._had:
            setattr(self._owner, self._name, self._value)
        else:
            with suppress(AttributeError):
                delattr(self._owner, self._name)
