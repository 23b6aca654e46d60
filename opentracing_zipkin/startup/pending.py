"""A stand-in for the global tracer until `configure` has run; the first use of it runs `configure`.

Rules: an application's own tracer wins, whenever it comes.  Where `configure` fails, that is one line on standard error, and
the no-op stays.  Takes no lock, because one that was made before gevent patches would block its hub; so other threads are not
traced while `configure` runs.
"""

from __future__ import annotations

import opentracing

from ..instrument.hooks import say

TYPE_CHECKING = False  # as in typing, which takes 15 ms to import
if TYPE_CHECKING:
    from typing import Any

__all__ = ["resolve", "stand_in"]


class _Pending(opentracing.Tracer):
    """Its attributes are the real tracer's, and make it; only names such as `__class__`, which tell what it is, do not."""

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) if name.startswith("__") else getattr(resolve(), name)


_NOOP = opentracing.Tracer()
_pending = object.__new__(_Pending)  # without its `__init__`, which would ask for the real one
_todo = ["configure"]


def stand_in() -> None:
    """Become the global tracer, unless there is one."""
    if _todo and type(opentracing.global_tracer()) is opentracing.Tracer:
        opentracing.set_global_tracer(_pending)


def resolve() -> opentracing.Tracer:
    """The real tracer; configures it, where nobody has."""
    tracer = opentracing.global_tracer()
    if tracer is not _pending:
        return tracer
    try:
        _todo.pop()  # one thread gets it
    except IndexError:
        return _NOOP
    try:
        from ..settings import configure_unasked

        return configure_unasked()
    except Exception as fault:
        say(f"opentracing-zipkin run: configure failed, the program runs untraced: {fault}")
        if opentracing.global_tracer() is _pending:
            opentracing.set_global_tracer(_NOOP)
        return _NOOP
