"""The collector's side of HTTP: reads a request, writes the answer that the API gives.

Rules: this file knows HTTP and no route.  A body that cannot be read is refused here and ends its connection.
"""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .api import Answer, Api, refusal
from .body import BadBody, BodyTooLarge, read_body

__all__ = ["Connection"]

# What an idle connection or a stalled client may hold a thread for.
_TIMEOUT_S = 60.0

# The page shows what others sent: nothing but its own script runs in it, and it talks to nobody else.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Connection(BaseHTTPRequestHandler):
    """One connection, in its own thread; `api` is set by the subclass that a server makes for itself."""

    protocol_version = "HTTP/1.1"
    server_version = "opentracing-zipkin"
    sys_version = ""
    timeout = _TIMEOUT_S
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    api: Api

    def do_GET(self) -> None:
        self._send(self._answer())

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815  # the base class's names

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""

    def _answer(self) -> Answer:
        try:
            # First and whatever the method: what is not read here would be read as the next request.
            body = read_body(self.headers, self.rfile)
            url = urlsplit(self.path)
        except BodyTooLarge as error:
            self.close_connection = True
            return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
        except BadBody as error:
            self.close_connection = True
            return refusal(HTTPStatus.BAD_REQUEST, error)
        except ValueError as error:  # of `urlsplit`
            return refusal(HTTPStatus.BAD_REQUEST, error)
        media_type = self.headers.get_content_type()
        return self.api.answer(self.command, unquote(url.path), dict(parse_qsl(url.query)), media_type, body)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.body:
            self.send_header("Content-Type", answer.media_type)
            self.send_header("X-Content-Type-Options", "nosniff")
        if answer.location:
            self.send_header("Location", answer.location)
        if answer.media_type.startswith("text/html"):
            self.send_header("Content-Security-Policy", _PAGE_POLICY)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
