"""A shop on plain WSGI, traced by opentracing-instrumentation as its own documentation shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from opentracing_instrumentation import span_in_context, traced_function
from opentracing_instrumentation.config import CONFIG
from opentracing_instrumentation.http_server import WSGIRequestWrapper, before_request

from opentracing_zipkin import configure

from .serving import serve_wsgi_until_told

StartResponse = Callable[..., Any]


@traced_function(name="look up")
def look_up() -> bytes:
    return b"12"


def price(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("out of stock")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [look_up()]


def traced(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    span = before_request(WSGIRequestWrapper.from_wsgi_environ(environ))
    with span_in_context(span), span:
        return price(environ, start_response)


class Quiet(WSGIRequestHandler):
    """Logs nothing, and passes the caller's port to the application, as most WSGI servers do."""

    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "REMOTE_PORT": str(self.client_address[1])}

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main() -> None:
    configure()
    CONFIG.caller_name_headers.append("X-Caller")
    serve_wsgi_until_told(make_server("127.0.0.1", 0, traced, handler_class=Quiet))


if __name__ == "__main__":
    main()
