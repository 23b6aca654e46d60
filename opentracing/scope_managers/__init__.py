"""Scope managers: one, on contextvars, serves threads, tasks, greenlets and Tornado alike, under every name they had."""

from __future__ import annotations

from .contextvars import ContextVarsScopeManager

__all__ = ["ContextVarsScopeManager", "ThreadLocalScopeManager"]

ThreadLocalScopeManager = ContextVarsScopeManager
