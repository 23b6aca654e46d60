"""The behaviour of an instrumented HTTP server, as a class of tests to inherit from.

Rules: `serve` is the only method to implement; the tests look at the answers and the spans.  Routes are written `/users/{id}`.
The user decides whether requests go over a socket or stay in the process: `ask_wsgi` and `ask_asgi` call an application without
a server.  The tests are mixins, one file for each theme.
"""

from __future__ import annotations

from .in_process import Answer, Ask, Handler, ask_asgi, ask_wsgi
from .kit import HttpServerKit

__all__ = ["Answer", "Ask", "Handler", "HttpServerKit", "ask_asgi", "ask_wsgi"]
