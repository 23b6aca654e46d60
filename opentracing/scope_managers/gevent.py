"""The scope manager under its name for gevent: each greenlet has its own context (greenlet 0.4.17 and newer).

A greenlet does not inherit the active span; where it should, use `gevent.spawn(opentracing.wrap(function))`.
"""

from __future__ import annotations

from .contextvars import ContextVarsScopeManager

__all__ = ["GeventScopeManager"]

GeventScopeManager = ContextVarsScopeManager
