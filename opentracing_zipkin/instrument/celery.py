"""Celery: a producer span for each message that is sent, a consumer span for each run of a task.

Rules: the context travels in the message's headers.  A run is a child of the span that sent its message, never the same span.
A retry is no error: the run that asks for it sends the message.  A run that is cut short is an error, also by an exception
that ends other blocks as planned, because it has no result.  A fault of ours is logged once, and the task goes on.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from celery import Celery, signals
from celery.exceptions import Ignore, Reject, Retry

import opentracing

from ..planned import is_planned
from . import celery_redis
from .http import OFF, HttpPolicy, check_policy, in_force
from .other_instrumentations import stand_back
from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = OFF
_sending: ContextVar[opentracing.Span | None] = ContextVar("opentracing_zipkin_celery_sending", default=None)

# The attribute of a task's request that holds its span and scope, and the exception that was being handled at the start.
_RUN = "_opentracing_zipkin_run"
# The states of runs that end by an exception without being failures.
_STATES = {Ignore: "IGNORED", Reject: "REJECTED", Retry: "RETRY"}
# The broker's name by the scheme of its URL, where the two differ.
_BROKERS = {"amqp": "rabbitmq", "amqps": "rabbitmq", "pyamqp": "rabbitmq", "rediss": "redis"}


def install(policy: HttpPolicy | None = None) -> None:
    """Trace the tasks of all applications, where they are sent and where they run; `policy`: only its tracer counts."""
    global _policy
    check_policy(policy)
    if stand_back("celery") is not None:
        return
    _policy = in_force(policy, _policy)
    if _patches:
        return
    _patches.replace(Celery, "send_task", _producing)
    for signal, receiver in _RECEIVERS:
        signal.connect(receiver, weak=False, dispatch_uid=__name__)
    celery_redis.install()


def uninstall() -> None:
    """Undo `install`."""
    global _policy
    _policy = OFF
    _patches.undo()
    celery_redis.uninstall()
    for signal, _ in _RECEIVERS:
        signal.disconnect(dispatch_uid=__name__)


def _tracer() -> opentracing.Tracer | None:
    tracer = _policy.tracer or opentracing.global_tracer()
    return None if type(tracer) is opentracing.Tracer else tracer


def _producing(original: Any) -> Any:
    def send_task(self: Celery, name: Any, *args: Any, **kwargs: Any) -> Any:
        span = _start_producer(self, name)
        if span is None:
            return original(self, name, *args, **kwargs)
        token = _sending.set(span)
        try:
            with span:
                return original(self, name, *args, **kwargs)
        finally:
            _sending.reset(token)

    return send_task


def _start_producer(app: Celery, name: Any) -> opentracing.Span | None:
    tracer = _tracer()
    if tracer is None:
        return None
    try:
        tags = {"span.kind": "producer", "celery.task": str(name), **_broker(app)}
        return tracer.start_span(f"send {name}", tags=tags)
    except Exception as fault:
        _policy.log_fault("the start of a sent task's span", fault)
        return None


def _broker(app: Celery) -> dict[str, str]:
    """Tags that name the broker as the other end, for sender and runner, so the dependency graph shows it between them."""
    parts = urlsplit(app.conf.broker_write_url or app.conf.broker_url or "amqp://")
    tags = {"peer.service": _BROKERS.get(parts.scheme, parts.scheme)}
    if parts.hostname:
        tags["peer.address"] = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    return tags


def _before_publish(headers: Any = None, **_: Any) -> None:
    span = _sending.get()
    if span is None or not isinstance(headers, dict):
        return
    try:
        if headers.get("id"):
            span.set_tag("celery.id", headers["id"])
        span.tracer.inject(span.context, opentracing.Format.TEXT_MAP, headers)
    except Exception as fault:
        _policy.log_fault("the context of a sent task", fault)


def _before_run(task_id: Any = None, task: Any = None, **_: Any) -> None:
    tracer = _tracer()
    if tracer is None or task is None:
        return
    try:
        request = task.request
        carrier = {name: value for name, value in vars(request).items() if isinstance(value, str)}
        tags = {"span.kind": "consumer", "celery.id": str(task_id), **_broker(task.app)}
        if request.retries:
            tags["celery.retries"] = str(request.retries)
        # A task that is called without a broker has no headers, so its parent is the active span of its caller.
        context = tracer.extract(opentracing.Format.TEXT_MAP, carrier)
        span = tracer.start_span(task.name, child_of=context, tags=tags)
        setattr(request, _RUN, (span, tracer.scope_manager.activate(span, False), sys.exc_info()[1]))
    except Exception as fault:
        _policy.log_fault("the start of a task's span", fault)


def _after_run(task: Any = None, state: Any = None, **_: Any) -> None:
    run = _run_of(task)
    if run is None:
        return
    delattr(task.request, _RUN)
    span, scope, handled_before = run
    try:
        # Celery calls this in a `finally`, so an exception that it does not catch is seen here: one that ends the process or
        # the greenlet, and each one if `apply` is called with `throw`.  There is no state then, and no signal of a failure.
        leaving = sys.exc_info()[1]
        if leaving is not None and (state is None or leaving is not handled_before):
            state = _end_by(span, leaving)
        if state is not None and state != "SUCCESS":
            span.set_tag("celery.state", str(state))
    except Exception as fault:
        _policy.log_fault("the end of a task's span", fault)
    scope.close()
    span.finish()


def _end_by(span: opentracing.Span, error: BaseException) -> str | None:
    """Describe the exception that leaves a run, and return the run's state; None where the worker decides it afterwards."""
    for planned, state in _STATES.items():
        if isinstance(error, planned):
            return state
    _fail(span, error)
    return "FAILURE" if isinstance(error, Exception) else None


def _fail(span: opentracing.Span, error: BaseException) -> None:
    if not is_planned(error):
        span._on_error(span, type(error), error, error.__traceback__)
        return
    try:
        text = str(error)
    except Exception:  # the `__str__` of an application's class may raise
        text = ""
    span.set_tag("error", f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _on_failure(sender: Any = None, exception: Any = None, **_: Any) -> None:
    run = _run_of(sender)
    if run is not None and isinstance(exception, BaseException):
        _fail(run[0], exception)


def _on_retry(sender: Any = None, reason: Any = None, **_: Any) -> None:
    run = _run_of(sender)
    if run is not None:
        run[0].log_kv({"event": "retry", "reason": reason})


def _run_of(task: Any) -> Any:
    return None if task is None else getattr(task.request, _RUN, None)


_RECEIVERS = (
    (signals.before_task_publish, _before_publish),
    (signals.task_prerun, _before_run),
    (signals.task_postrun, _after_run),
    (signals.task_failure, _on_failure),
    (signals.task_retry, _on_retry),
)
