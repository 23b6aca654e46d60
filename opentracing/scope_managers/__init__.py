"""Scope managers: one, on contextvars, serves threads, tasks and greenlets alike."""

from __future__ import annotations

from .contextvars import ContextVarsScopeManager

__all__ = ["ContextVarsScopeManager"]
