"""A stand-in for the global tracer until `configure` has run; its first use runs `configure`.

Rules: an application's own tracer wins, whenever it comes.  If `configure` fails, one line is written to standard error, and
the no-op stays.  There is no lock here, because a lock older than gevent's patch would block gevent's hub.  So other threads
are not traced while `configure` runs.
"""

from __future__ import annotations

import opentracing

from ..instrument.hooks import write_stderr

TYPE_CHECKING = False  # the same name as in typing, whose import takes 15 ms
if TYPE_CHECKING:
    from typing import Any

__all__ = ["resolve", "stand_in"]


class _Pending(opentracing.Tracer):
    """A tracer whose attributes are those of the real tracer, which the first access creates.

    Only names such as `__class__`, which tell the type, are its own.
    """

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) if name.startswith("__") else getattr(resolve(), name)


_NOOP = opentracing.Tracer()
_pending = object.__new__(_Pending)  # without `__init__`, which would create the real tracer
_tokens = ["configure"]  # one-shot: removing it is atomic, so exactly one thread configures


def stand_in() -> None:
    """Become the global tracer, unless the application has set one."""
    if _tokens and type(opentracing.global_tracer()) is opentracing.Tracer:
        opentracing.set_global_tracer(_pending)


def resolve() -> opentracing.Tracer:
    """The real tracer; configures it if that was not done before."""
    tracer = opentracing.global_tracer()
    if tracer is not _pending:
        return tracer
    try:
        _tokens.pop()
    except IndexError:
        return _NOOP
    try:
        from ..settings import configure_by_environment

        return configure_by_environment()
    except Exception as fault:
        write_stderr(f"opentracing-zipkin run: configure failed, the program runs untraced: {fault}")
        if opentracing.global_tracer() is _pending:
            opentracing.set_global_tracer(_NOOP)
        return _NOOP
