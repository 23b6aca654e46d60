"""Scope managers.  One class, based on contextvars, serves threads, tasks, greenlets and Tornado under all former names."""

from __future__ import annotations

from ..scope import Scope
from ..scope_manager import ScopeManager
from .contextvars import ContextVarsScopeManager

# Scope and ScopeManager are exported here too, because packages such as jaeger-client import them from here.
__all__ = ["ContextVarsScopeManager", "Scope", "ScopeManager", "ThreadLocalScopeManager"]

ThreadLocalScopeManager = ContextVarsScopeManager
