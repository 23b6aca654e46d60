"""The scope manager under its name for gevent: each greenlet has a context of its own (greenlet 0.4.17 and newer).

A greenlet does not inherit the active span: `gevent.spawn(opentracing.wrap(function))` where it should.
"""

from __future__ import annotations

from .contextvars import ContextVarsScopeManager

__all__ = ["GeventScopeManager"]

GeventScopeManager = ContextVarsScopeManager
