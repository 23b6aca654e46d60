"""Calls that OpenTelemetry's instrumentations do not see, because their work has a span already and would get a second one.

Source: opentelemetry-instrumentation, utils.py, `suppress_instrumentation`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["call_suppressed"]

_KEY = "suppress_instrumentation"


def call_suppressed(call: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return or raise the result of `call`; where OpenTelemetry is not loaded, only call it."""
    api: Any = sys.modules.get("opentelemetry.context")
    if api is None:
        return call(*args, **kwargs)
    token = api.attach(api.set_value(_KEY, True))
    try:
        return call(*args, **kwargs)
    finally:
        api.detach(token)
