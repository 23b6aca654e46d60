"""The attribute in which managers before contextvars kept the active scope on a task or a greenlet; ours does not use it."""

from __future__ import annotations

__all__ = ["ACTIVE_ATTR"]

ACTIVE_ATTR = "__ot_active"
