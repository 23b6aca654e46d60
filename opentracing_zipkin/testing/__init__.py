"""For tests of applications and of their instrumentation: spans as objects, fakes that send nothing, and behaviour kits.

pytest has the fixtures `zipkin` and `zipkin_collector` without an import, see `plugin`.

Rules: importing this package imports nothing else, because pytest imports it in every run.  pytest shows the differences in
failed assertions of the kits.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the same name as in typing, whose import takes 15 ms
if TYPE_CHECKING:
    from typing import Any

    from .case import ZipkinTestCase
    from .collecting import ZipkinCollector
    from .fakes import FakeClock, FakeSender, InMemoryRecorder
    from .http_client_kit import HttpClientKit
    from .http_server_kit import Answer, HttpServerKit, ask_asgi, ask_wsgi
    from .recording import UnfinishedWarning, ZipkinRecording
    from .spans import Spans

__all__ = [
    "Answer",
    "FakeClock",
    "FakeSender",
    "HttpClientKit",
    "HttpServerKit",
    "InMemoryRecorder",
    "Spans",
    "UnfinishedWarning",
    "ZipkinCollector",
    "ZipkinRecording",
    "ZipkinTestCase",
    "ask_asgi",
    "ask_wsgi",
]


def __getattr__(name: str) -> Any:
    # Import statements, because bundlers do not find a module whose name is made at run time.
    if name in ("FakeClock", "FakeSender", "InMemoryRecorder"):
        from . import fakes as module
    elif name in ("UnfinishedWarning", "ZipkinRecording"):
        from . import recording as module  # type: ignore[no-redef]
    elif name == "Spans":
        from . import spans as module  # type: ignore[no-redef]
    elif name == "ZipkinCollector":
        from . import collecting as module  # type: ignore[no-redef]
    elif name == "ZipkinTestCase":
        from . import case as module  # type: ignore[no-redef]
    elif name == "HttpClientKit":
        _show_assertions("http_client_kit")
        from . import http_client_kit as module  # type: ignore[no-redef]
    elif name in ("Answer", "HttpServerKit", "ask_asgi", "ask_wsgi"):
        _show_assertions("http_server_kit")
        from . import http_server_kit as module  # type: ignore[no-redef]
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _show_assertions(module: str) -> None:
    """Let pytest rewrite the kit's `assert`s, which it otherwise does in test modules only."""
    import sys

    name = f"{__name__}.{module}"
    if "pytest" in sys.modules and name not in sys.modules:
        sys.modules["pytest"].register_assert_rewrite(name)
