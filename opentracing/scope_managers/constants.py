"""The name of the attribute in which opentracing 2.4's managers kept the active scope of a task or a greenlet.

This package does not use it.
"""

from __future__ import annotations

__all__ = ["ACTIVE_ATTR"]

ACTIVE_ATTR = "__ot_active"
