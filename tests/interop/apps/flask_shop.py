"""A shop on Flask, traced by Flask-OpenTracing; `/order` calls another shop at PRICES_URL with requests-opentracing."""

from __future__ import annotations

import os

import flask
from flask_opentracing import FlaskTracing
from requests_opentracing import SessionTracing
from werkzeug.serving import make_server

import opentracing
from opentracing.ext import tags
from opentracing_zipkin import configure

from .serving import serve_wsgi_until_told

app = flask.Flask(__name__)
# Without this setting Flask responds with 500 before Flask-OpenTracing's teardown handler sees the exception.
app.config["PROPAGATE_EXCEPTIONS"] = True


@app.get("/order")
def order() -> str:
    with SessionTracing() as session:
        return session.get(os.environ["PRICES_URL"]).text


@app.get("/price")
def price() -> str:
    return "12"


@app.get("/broken")
def broken() -> str:
    raise RuntimeError("out of stock")


def name_the_caller(span: opentracing.Span, request: flask.Request) -> None:
    span.set_tag(tags.PEER_HOST_IPV4, request.remote_addr)
    span.set_tag(tags.PEER_PORT, request.environ["REMOTE_PORT"])


def main() -> None:
    FlaskTracing(configure(), trace_all_requests=True, app=app, start_span_cb=name_the_caller)
    serve_wsgi_until_told(make_server("127.0.0.1", 0, app, threaded=True))


if __name__ == "__main__":
    main()
