"""The scope manager under its name for asyncio.

Unlike the class of opentracing 2.4, it lets a task inherit the span that was active when the task was started.
"""

from __future__ import annotations

from .contextvars import ContextVarsScopeManager

__all__ = ["AsyncioScopeManager"]

AsyncioScopeManager = ContextVarsScopeManager
