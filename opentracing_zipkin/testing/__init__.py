"""For tests of applications and of their instrumentation: parts of the tracer that send nothing, and behaviour kits.

The kits are imported when they are asked for; pytest shows what differs in their assertions.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from .fakes import FakeClock, FakeSender, InMemoryRecorder

if TYPE_CHECKING:
    from .http_server_kit import Answer, HttpServerKit, ask_asgi, ask_wsgi

__all__ = ["Answer", "FakeClock", "FakeSender", "HttpServerKit", "InMemoryRecorder", "ask_asgi", "ask_wsgi"]

_KITS = dict.fromkeys(["Answer", "HttpServerKit", "ask_asgi", "ask_wsgi"], "http_server_kit")


def __getattr__(name: str) -> Any:
    if name not in _KITS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = f"{__name__}.{_KITS[name]}"
    if module not in sys.modules and "pytest" in sys.modules:
        sys.modules["pytest"].register_assert_rewrite(module)
    return getattr(importlib.import_module(module), name)
