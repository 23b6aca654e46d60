"""The embedded collector: a Zipkin server for a test, a demo or a developer's machine, in a few threads of this process.

Rules: in memory and bounded; listens on the loopback interface unless told otherwise, because whoever reaches it may read and
write; stops by itself with the process.
"""

from __future__ import annotations

import errno
import socket
import sys
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any

from ..log import log
from ..option import check_text, check_whole
from .api import Api
from .http import Connection
from .stores import Store
from .stores.memory import MemoryStore

__all__ = ["Collector"]


class Collector:
    """A Zipkin-compatible collector on a port of this machine; port 0 takes a free one.

    `start` and `stop` by one thread at a time; as a context manager it runs inside the block.  `store` holds what arrived, also
    after `stop`.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, max_spans: int = 100_000, store: Store | None = None) -> None:
        self.host = check_text("host", host, "give a name or an address to listen on, such as '127.0.0.1'")
        self.port = check_whole("port", port, 0, 65535)
        kept = check_whole("max_spans", max_spans, 1, sys.maxsize)
        self.store: Store = MemoryStore(max_spans=kept) if store is None else store
        self._server: _Server | None = None

    def start(self) -> Collector:
        """Listen; raises OSError that names the remedy where that is not possible, RuntimeError if it listens already."""
        if self._server is not None:
            raise RuntimeError(f"the collector runs already, at {self.url}")
        connection = type("BoundConnection", (Connection,), {"api": Api(self.store)})
        try:
            self._server = _Server((self.host, self.port), connection)
        except (OSError, UnicodeError) as error:
            raise _explained(error, self.host, self.port) from error
        Thread(target=self._server.serve_forever, args=(0.1,), name="zipkin-collector", daemon=True).start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; stopping twice does no harm."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.close_connections()

    @property
    def url(self) -> str:
        """Where it listens, as an endpoint for a tracer."""
        if self._server is None:
            raise RuntimeError("the collector does not run; call start(), or use it as a context manager")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Collector:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _explained(error: Exception, host: str, port: int) -> OSError:
    """The same failure, with the remedy."""
    number = getattr(error, "errno", None) or 0
    remedy = {
        errno.EADDRINUSE: "it is taken; stop what listens there, or take port 0, which is any free one",
        errno.EACCES: "this user may not; take a port from 1024, or port 0, which is any free one",
        errno.EADDRNOTAVAIL: "it is no address of this machine; listen on 127.0.0.1, or on 0.0.0.0 for all",
    }.get(number, f"{error}; listen on 127.0.0.1 and port 0, which is any free one")
    return OSError(number, f"the collector cannot listen on {host} port {port}: {remedy}")


class _Server(ThreadingHTTPServer):
    """A server that knows its connections, so that none outlives it, and takes a client's leaving for what it is."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], connection: type[Connection]) -> None:
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, connection)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the DNS for the full name of the host.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        request, address = super().get_request()
        with self._lock:
            self._connections.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End what clients keep open; the threads that serve them end then."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed in between

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            log.error("zipkin: the collector failed to answer a request", exc_info=error)
