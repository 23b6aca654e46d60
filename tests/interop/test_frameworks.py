"""Frameworks without a module of ours, traced by the middleware for WSGI or ASGI: the behaviour kit runs on each.

Two of them are configured to let exceptions through.  If a framework handles an exception itself, only its status is known.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import bottle
import falcon
import falcon.asgi
import pytest
import quart
from litestar import Litestar, Request
from litestar.concurrency import sync_to_thread
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response, Stream

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import asgi, wsgi
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.testing import Answer, HttpServerKit, InMemoryRecorder, ask_asgi, ask_wsgi

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Pyramid uses a deprecated interface of setuptools to read its assets
    from pyramid.config import Configurator
    from pyramid.response import Response as PyramidResponse

METHODS = ["GET", "POST", "OPTIONS", "HEAD"]


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Most frameworks log the exception that a test raises; hide these lines."""
    caplog.set_level(logging.CRITICAL)


class TestBottle(HttpServerKit):
    """Bottle stores its route in the environ."""

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        app = bottle.Bottle()
        for route, handler in routes.items():

            def view(_handler: Any = handler, **parameters: str) -> Any:
                answer = _handler(**parameters)
                return bottle.HTTPResponse(answer.body, answer.status)

            app.route(route.replace("{", "<").replace("}", ">"), [*METHODS, "XMAS"], view)
        return ask_wsgi(wsgi.TracingMiddleware(app, policy))


class TestPyramid(HttpServerKit):
    has_routes = False

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        with Configurator() as config:
            for route, handler in routes.items():

                def view(request: Any, _handler: Any = handler) -> Any:
                    answer = _handler(**request.matchdict)
                    if isinstance(answer.body, str):
                        return PyramidResponse(answer.body, answer.status)
                    return PyramidResponse(app_iter=answer.body, status=answer.status)

                config.add_route(route, route)
                config.add_view(view, route_name=route)
            return ask_wsgi(wsgi.TracingMiddleware(config.make_wsgi_app(), policy))


def _let_through(request: Any, response: Any, error: Exception, parameters: Any) -> None:
    raise error


async def _let_through_async(request: Any, response: Any, error: Exception, parameters: Any) -> None:
    raise error


class TestFalcon(HttpServerKit):
    has_routes = False

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        app = falcon.App()
        app.add_error_handler(Exception, _let_through)
        for route, handler in routes.items():

            def view(self: Any, request: Any, response: Any, _handler: Any = handler, **parameters: str) -> None:
                answer = _handler(**parameters)
                response.status = answer.status
                if isinstance(answer.body, str):
                    response.text = answer.body
                else:
                    response.stream = answer.body

            app.add_route(route, type("Resource", (), {f"on_{method.lower()}": view for method in METHODS})())
        return ask_wsgi(wsgi.TracingMiddleware(app, policy))


class TestFalconAsgi(HttpServerKit):
    has_routes = False
    is_async = True

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        app = falcon.asgi.App()
        app.add_error_handler(Exception, _let_through_async)
        for route, handler in routes.items():

            async def view(self: Any, request: Any, response: Any, _handler: Any = handler, **parameters: str) -> None:
                answer = await _answer(_handler, parameters)
                response.status = answer.status
                if isinstance(answer.body, str):
                    response.text = answer.body
                else:
                    response.stream = answer.body

            app.add_route(route, type("Resource", (), {f"on_{method.lower()}": view for method in METHODS})())
        return ask_asgi(asgi.TracingMiddleware(app, policy))


async def _answer(handler: Any, parameters: Mapping[str, str], in_a_thread: Any = asyncio.to_thread) -> Answer:
    """A handler that is not a coroutine function runs in a thread, in the way of the framework."""
    running = handler(**parameters) if inspect.iscoroutinefunction(handler) else in_a_thread(handler, **parameters)
    answer: Answer = await running
    return answer


class TestQuart(HttpServerKit):
    has_routes = False
    is_async = True

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        app = quart.Quart(__name__)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        app.testing = sys.version_info < (3, 11)  # there Quart is older, and otherwise turns exceptions into a page
        for number, (route, handler) in enumerate(routes.items()):

            async def view(_handler: Any = handler, **parameters: str) -> Any:
                answer = await _answer(_handler, parameters, lambda sync, **given: app.ensure_async(sync)(**given))
                return quart.Response(answer.body, answer.status)

            rule = route.replace("{", "<").replace("}", ">")
            app.add_url_rule(rule, str(number), view, methods=METHODS, provide_automatic_options=False)
        return ask_asgi(asgi.TracingMiddleware(app, policy))


class TestLitestar(HttpServerKit):
    """Litestar stores its route in the scope."""

    is_async = True

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        def view_of(handler: Any) -> Any:
            async def view(request: Request[Any, Any, Any]) -> Response[Any]:
                answer = await _answer(handler, request.path_params, sync_to_thread)
                if isinstance(answer.body, str):
                    return Response(answer.body, status_code=answer.status, media_type="text/plain")
                return Stream(answer.body, status_code=answer.status)

            return view

        methods: Any = METHODS
        handlers = [
            HTTPRouteHandler(route.replace("}", ":str}"), http_method=methods)(view_of(handler))
            for route, handler in routes.items()
        ]
        return ask_asgi(asgi.TracingMiddleware(Litestar(handlers, openapi_config=None), policy))

    def test_a_stream_that_fails_is_an_error(self) -> None:
        """If a stream fails, the error is Litestar's own exception, because Litestar raises that instead of the stream's."""

        def step(number: int) -> bytes:
            return b"x" if number < 1 else fail()

        self.get(lambda: Answer(200, self.chunks(step, 3)))

        assert "LitestarException: Exception caught after response started" == self.span().tags["error"]


def fail() -> Any:
    raise ValueError("out of stock")


def falcon_app() -> Any:
    app = falcon.App()
    app.add_route("/", type("Resource", (), {"on_get": lambda *_: fail()})())
    return lambda policy: ask_wsgi(wsgi.TracingMiddleware(app, policy))


def quart_app() -> Any:
    app = quart.Quart(__name__)
    app.add_url_rule("/", view_func=fail)
    return lambda policy: ask_asgi(asgi.TracingMiddleware(app, policy))


@pytest.mark.parametrize("make", [falcon_app, quart_app])
def test_an_exception_that_a_framework_keeps_to_itself_leaves_its_status(make: Any) -> None:
    """Falcon and Quart answer an exception with status 500 and do not pass it on, so the status is the span's error."""
    recorder = InMemoryRecorder()
    answer = make()(HttpPolicy(tracer=ZipkinTracer("shop", recorder=recorder)))("GET", "/", {})
    [span] = recorder.spans

    assert (500, "500", "500") == (answer.status, span.tags["http.status_code"], span.tags["error"])
