"""A shop on gevent's WSGI server with everything patched; separate greenlets do the work of a request."""

# ruff: noqa: E402
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent.pywsgi import WSGIServer

import opentracing
from opentracing_zipkin import configure

from .serving import serve_until_told


@opentracing.tracer.trace("look up")
def look_up(article: str) -> str:
    opentracing.tracer.active_span.set_tag("article", article)
    gevent.sleep(0.01)
    return article


def price(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    tracer = opentracing.tracer
    headers = {key[5:].replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")}
    span = tracer.join_trace("get", tracer.trace_context_from_text(headers, headers))
    with span, tracer.scope_manager.activate(span, False):
        looking = [gevent.spawn(opentracing.wrap(look_up), article) for article in ("tea", "milk")]
        looking.append(gevent.spawn(look_up, "of its own"))
        gevent.joinall(looking, raise_error=True)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"12"]


def main() -> None:
    configure()
    server = WSGIServer(("127.0.0.1", 0), price, log=None)
    server.start()
    gevent.get_hub().threadpool.apply(serve_until_told, (server.server_port,))  # reading stdin here would block all greenlets
    server.stop()


if __name__ == "__main__":
    main()
