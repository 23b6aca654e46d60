"""Scope managers: one, on contextvars, serves threads, tasks, greenlets and Tornado alike, under every name they had."""

from __future__ import annotations

from ..scope import Scope
from ..scope_manager import ScopeManager
from .contextvars import ContextVarsScopeManager

# Scope and ScopeManager are here because packages import them from here, jaeger-client for one.
__all__ = ["ContextVarsScopeManager", "Scope", "ScopeManager", "ThreadLocalScopeManager"]

ThreadLocalScopeManager = ContextVarsScopeManager
