"""For tests of applications and of their instrumentation: parts of the tracer that send nothing, and behaviour kits.

The kits are imported when they are asked for, because they bring servers and threads; pytest shows what differs in their
assertions.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .fakes import FakeClock, FakeSender, InMemoryRecorder

if TYPE_CHECKING:
    from .http_client_kit import HttpClientKit
    from .http_server_kit import Answer, HttpServerKit, ask_asgi, ask_wsgi

__all__ = [
    "Answer",
    "FakeClock",
    "FakeSender",
    "HttpClientKit",
    "HttpServerKit",
    "InMemoryRecorder",
    "ask_asgi",
    "ask_wsgi",
]


def __getattr__(name: str) -> Any:
    if name == "HttpClientKit":
        _show_assertions("http_client_kit")
        from . import http_client_kit as kit
    elif name in ("Answer", "HttpServerKit", "ask_asgi", "ask_wsgi"):
        _show_assertions("http_server_kit")
        from . import http_server_kit as kit  # type: ignore[no-redef]
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(kit, name)


def _show_assertions(module: str) -> None:
    """Has pytest rewrite the kit's `assert`s, which it does in test modules only."""
    name = f"{__name__}.{module}"
    if "pytest" in sys.modules and name not in sys.modules:
        sys.modules["pytest"].register_assert_rewrite(name)
