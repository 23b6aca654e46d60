"""A service as a process: an HTTP server on a free loopback port that runs until its standard input ends.

Rules: it writes its port to standard output as one line, and reads the addresses of the other services as one line of JSON.
The input also ends when the parent dies.  Then the server stops, and the interpreter exits in the usual way.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from .tracing import TracingMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Answer", "View", "serve"]

Answer = tuple[str, Any]  # the status line, and the value that becomes the JSON
View = Callable[[Mapping[str, str]], Answer]

_HEADERS = [("Content-Type", "application/json")]


class Server(ThreadingMixIn, WSGIServer):
    """A server with one thread for each request."""

    daemon_threads = True

    def server_bind(self) -> None:
        # The method of WSGIServer asks the name server for this host's name, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]
        self.setup_environ()


class Connection(WSGIRequestHandler):
    """Passes the caller's port to the application, and logs nothing."""

    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "REMOTE_PORT": str(self.client_address[1])}

    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve(routes: Callable[[Mapping[str, str]], Mapping[str, View]]) -> None:
    """Serve the views that `routes` makes from the services' addresses ("METHOD /path" to view) until standard input ends."""
    # Ctrl-C reaches the whole process group, but the parent decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Server(("127.0.0.1", 0), Connection) as server:
        print(server.server_port, flush=True)
        addresses = json.loads(sys.stdin.readline() or "{}")
        server.set_app(error_page(TracingMiddleware(application(routes(addresses)))))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        sys.stdin.read()
        server.shutdown()


def application(routes: Mapping[str, View]) -> WSGIApplication:
    """The views as a WSGI application, without any tracing."""

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        view = routes.get(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", _not_found)
        status, body = view(dict(parse_qsl(environ["QUERY_STRING"])))
        start_response(status, _HEADERS)
        return [json.dumps(body).encode()]

    return respond


def _not_found(_arguments: Mapping[str, str]) -> Answer:
    return "404 Not Found", {"error": "no such page"}


def error_page(inner: WSGIApplication) -> WSGIApplication:
    """Answer with an exception's `status`, or 500, where an exception leaves `inner`."""

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return inner(environ, start_response)
        except Exception as error:
            start_response(getattr(error, "status", "500 Internal Server Error"), _HEADERS)
            return [json.dumps({"error": str(error)}).encode()]

    return respond
