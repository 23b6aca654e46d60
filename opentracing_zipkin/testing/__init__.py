"""For tests of applications and of their instrumentation: spans as objects, parts that send nothing, and behaviour kits.

With pytest the fixtures `zipkin` and `zipkin_collector` are there without an import, see `plugin`.

Rules: importing this package imports nothing else, because pytest does so in every run.  pytest shows what differs in the
assertions of the kits.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which takes 15 ms to import
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
    # By statement: what is imported by a name made at run time is not found by bundlers.
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
    """Has pytest rewrite the kit's `assert`s, which it does in test modules only."""
    import sys

    name = f"{__name__}.{module}"
    if "pytest" in sys.modules and name not in sys.modules:
        sys.modules["pytest"].register_assert_rewrite(name)
