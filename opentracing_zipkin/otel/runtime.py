"""OpenTelemetry's context from near: what its functions do, in one step instead of six calls.

Rules: nothing private is named.  The key of the current span is the one that `set_span_in_context` uses, and the variable is
the one that the token of `attach` belongs to; where the context lives elsewhere (OTEL_PYTHON_CONTEXT), its own functions do the
work.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import INVALID_SPAN, Span as OtelSpan, get_current_span, set_span_in_context

__all__ = ["SPAN_KEY", "attach_span", "current_context", "restore", "span_of", "with_span"]

[SPAN_KEY] = set_span_in_context(INVALID_SPAN, Context())


def _found_variable() -> Any:
    """The context variable, None where there is none that always has a value."""
    token: Any = attach(get_current())
    variable = getattr(token, "var", None)
    detach(token)
    try:
        found = contextvars.Context().run(variable.get)  # type: ignore[union-attr]  # AttributeError is expected, too
    except (AttributeError, LookupError):
        return None
    return variable if isinstance(found, Context) else None


_variable = _found_variable()

current_context: Callable[[], Context] = get_current if _variable is None else _variable.get


def with_span(span: OtelSpan, context: Context) -> Context:
    """The context with this span as the current one."""
    return Context({**context, SPAN_KEY: span})


def span_of(context: Context) -> Any:
    """The current span of a context; INVALID_SPAN where there is none, or something else in its place."""
    span: Any = context.get(SPAN_KEY)
    if span is None:
        return INVALID_SPAN
    return span if issubclass(type(span), OtelSpan) else get_current_span(context)


def _attach_span(span: OtelSpan) -> Any:
    return _variable.set(Context({**current_context(), SPAN_KEY: span}))


attach_span: Callable[[OtelSpan], Any] = (lambda span: attach(set_span_in_context(span))) if _variable is None else _attach_span


def restore(token: Any) -> bool:
    """What was attached before; False, and nothing done, in another context than the token's."""
    if _variable is None:
        detach(token)
        return True
    try:
        _variable.reset(token)
    except (ValueError, RuntimeError):
        return False
    return True
