"""The embedded collector: a Zipkin server for a test, a demo or a developer's machine, in a few threads of this process.

Rules: its memory is bounded.  It listens on the loopback interface unless told otherwise, because every program that reaches it
may read and write.  It stops with the process.  Waitress serves it, and is imported when a collector is made.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from ..option import check_text, check_whole
from .access import Access
from .api import Api, OnSpans, OtherPage, no_page
from .app import Application
from .stores import Store
from .stores.memory import DEFAULT_MAX_BYTES, MemoryStore

if TYPE_CHECKING:
    from .serving import Server

__all__ = ["Collector"]

_MAX_UNACCEPTED_CONNECTIONS = 1024
_LOOPBACK_OF_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Collector:
    """A Zipkin-compatible collector on a port of this machine; port 0 takes a free one.

    Call `start` and `stop` from one thread at a time; as a context manager the collector runs inside the block.  `store` keeps
    the spans, even after `stop`; without it, up to `max_bytes` (256 MiB) of spans are kept in memory.  `allow_origins` are the
    origins of web pages that may send requests, `allow_hosts` the host names that are accepted on a loopback address; `*` means
    all.  `autocomplete_keys` are tags whose values a page may list.  `on_spans` is called with the spans of each message that
    is kept.  `lens` is the jar of a Zipkin server, whose page is then at `/zipkin/`.  ImportError names the extra that is
    missing.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        store: Store | None = None,
        allow_origins: Iterable[str] = (),
        allow_hosts: Iterable[str] = (),
        autocomplete_keys: Sequence[str] = (),
        on_spans: OnSpans | None = None,
        lens: str | os.PathLike[str] | None = None,
    ) -> None:
        self.host = check_text("host", host, "give a name or an address to listen on, such as '127.0.0.1'")
        self.port = check_whole("port", port, 0, 65535)
        kept = check_whole("max_bytes", max_bytes, 1, sys.maxsize)
        self.store: Store = MemoryStore(max_bytes=kept, listed_tags=autocomplete_keys) if store is None else store
        access = Access(self.host, allow_origins, allow_hosts)
        self.application = Application(
            Api(self.store, on_spans, autocomplete_keys, no_page if lens is None else _lens(lens)), access
        )
        self._make_server = _server_class()
        self._server: Server | None = None

    def start(self) -> Collector:
        """Listen; raises OSError with the remedy where that fails, and RuntimeError if it listens already."""
        if self._server is not None:
            raise RuntimeError(f"the collector runs already, at {self.url}")
        try:
            listening = _listening(self.host, self.port)
        except (OSError, UnicodeError) as error:
            raise _explained(error, self.host, self.port) from error
        self._server = self._make_server(self.application, listening)
        self._server.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; a second call has no effect."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    @property
    def url(self) -> str:
        """The URL at which it listens, for the endpoint of a tracer."""
        if self._server is None:
            raise RuntimeError("the collector does not run; call start(), or use it as a context manager")
        name = _LOOPBACK_OF_ALL.get(self.host, self.host)
        host = f"[{name}]" if ":" in name else name
        return f"http://{host}:{self._server.effective_port}"

    def __enter__(self) -> Collector:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _lens(jar: str | os.PathLike[str]) -> OtherPage:
    from .lens import Lens

    return Lens(jar).answer


def _server_class() -> type[Server]:
    try:
        from .serving import Server
    except ImportError as error:
        raise ImportError(
            "the embedded collector needs waitress: install the extra 'collector' of the distribution 'opentracing' "
            "(in the repository: pip install '.[collector]')"
        ) from error
    return Server


def _listening(host: str, port: int) -> socket.socket:
    """A listening socket; it is closed where listening fails."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # on other systems it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_MAX_UNACCEPTED_CONNECTIONS)
    except BaseException:
        listening.close()
        raise
    return listening


_NO_ADDRESS = "it is not an address of this machine; listen on 127.0.0.1, or on 0.0.0.0 for all"


def _explained(error: Exception, host: str, port: int) -> OSError:
    """The same failure, with the remedy."""
    number = getattr(error, "errno", None) or 0
    remedy = {
        errno.EADDRINUSE: "another program listens there; stop it, or use port 0 for any free port",
        errno.EACCES: "this user may not listen there; use a port from 1024 on, or port 0 for any free port",
        errno.EADDRNOTAVAIL: _NO_ADDRESS,
        socket.EAI_NONAME: _NO_ADDRESS,
    }.get(number, f"{error}; listen on 127.0.0.1 and use port 0 for any free port")
    return OSError(number, f"the collector cannot listen on {host} port {port}: {remedy}")
