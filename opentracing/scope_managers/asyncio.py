"""The scope manager under its name for asyncio; unlike its forerunner it lets a task inherit the span it was started in."""

from __future__ import annotations

from .contextvars import ContextVarsScopeManager

__all__ = ["AsyncioScopeManager"]

AsyncioScopeManager = ContextVarsScopeManager
