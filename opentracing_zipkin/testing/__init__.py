"""For tests of applications and of their instrumentation: parts of the tracer that send nothing, and suites to inherit from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fakes import FakeClock, FakeSender, InMemoryRecorder

if TYPE_CHECKING:
    from .http_client_kit import HttpClientKit

__all__ = ["FakeClock", "FakeSender", "HttpClientKit", "InMemoryRecorder"]

# Imported when asked for: they bring a server, and threads.
_LAZY = {
    "HttpClientKit": ".http_client_kit",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import sys
        from importlib import import_module

        module = __name__ + _LAZY[name]
        if "pytest" in sys.modules and module not in sys.modules:  # so that a failed test of a kit shows the values
            sys.modules["pytest"].register_assert_rewrite(module)
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
