"""The behaviour kit of HTTP servers, on all servers that we instrument."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import flask
import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route

from opentracing_zipkin.instrument import (
    asgi,
    django as django_instrument,
    fastapi as fastapi_instrument,
    flask as flask_instrument,
    starlette as starlette_instrument,
    wsgi,
)
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.testing import Answer, HttpServerKit, ask_asgi, ask_wsgi

from .django_site import as_site

METHODS = ["GET", "POST", "OPTIONS", "HEAD", "XMAS"]


def matching(routes: Mapping[str, Any], path: str) -> Answer | Any:
    """The handler's answer from an application that has routes but no framework; 404 for any other path."""
    for route, handler in routes.items():
        match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route), path)
        if match:
            return handler(**match.groupdict())
    return Answer(404)


class TestWsgi(HttpServerKit):
    has_routes = False

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            answer = matching(routes, environ["PATH_INFO"])
            start_response(f"{answer.status} Any", [("Content-Type", "text/plain"), ("Location", answer.location)])
            return [answer.body.encode()] if isinstance(answer.body, str) else answer.body

        return ask_wsgi(wsgi.TracingMiddleware(app, policy))


class TestAsgi(HttpServerKit):
    has_routes = False
    is_async = True

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            answer = matching(routes, scope["path"])
            if inspect.isawaitable(answer):
                answer = await answer
            await send({"type": "http.response.start", "status": answer.status, "headers": []})
            if isinstance(answer.body, str):
                await send({"type": "http.response.body", "body": answer.body.encode()})
                return
            async for chunk in answer.body:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        return ask_asgi(asgi.TracingMiddleware(app, policy))


class TestFlask(HttpServerKit):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        app = flask.Flask(__name__)
        below = flask.Blueprint("below", __name__)
        for number, (route, handler) in enumerate(routes.items()):
            rule = route.replace("{", "<").replace("}", ">")

            def view(_handler: Any = handler, **parameters: str) -> flask.Response:
                answer = _handler(**parameters)
                return flask.Response(answer.body, answer.status)

            target, rule = (below, rule[len("/shop") :]) if rule.startswith("/shop") else (app, rule)
            target.add_url_rule(rule, str(number), view, methods=METHODS, provide_automatic_options=False)
        app.register_blueprint(below, url_prefix="/shop")
        flask_instrument.install(app, policy)
        return ask_wsgi(app)

    def teardown_method(self) -> None:
        flask_instrument.uninstall()


class StarletteKit(HttpServerKit):
    is_async = True

    def endpoint(self, handler: Any) -> Any:
        def respond(answer: Answer) -> Response:
            if isinstance(answer.body, str):
                return Response(answer.body, answer.status)
            return StreamingResponse(answer.body, answer.status)

        async def asynchronous(request: Any) -> Response:
            return respond(await handler(**request.path_params))

        def synchronous(request: Any) -> Response:
            return respond(handler(**request.path_params))

        return asynchronous if inspect.iscoroutinefunction(handler) else synchronous

    def routes(self, routes: Mapping[str, Any]) -> list[Any]:
        made = [Route(route, self.endpoint(handler), methods=METHODS) for route, handler in routes.items()]
        below = [
            Route(route.removeprefix("/shop"), self.endpoint(handler), methods=METHODS)
            for route, handler in routes.items()
            if route.startswith("/shop")
        ]
        return [Mount("/shop", routes=below), *made] if below else made


class TestStarlette(StarletteKit):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        app = Starlette(routes=self.routes(routes))
        starlette_instrument.install(app, policy)
        return ask_asgi(app)

    def teardown_method(self) -> None:
        starlette_instrument.uninstall()


class TestStarletteByMiddleware(StarletteKit):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        app = Starlette(routes=self.routes(routes))
        app.add_middleware(asgi.TracingMiddleware, policy=policy)
        return ask_asgi(app)


class TestFastApi(StarletteKit):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        app = FastAPI(openapi_url=None)
        shop = APIRouter(prefix="/shop")
        for route, handler in routes.items():
            target, path = (shop, route.removeprefix("/shop")) if route.startswith("/shop") else (app, route)
            target.add_api_route(path, self.typed_endpoint(handler), methods=METHODS)
        app.include_router(shop)
        fastapi_instrument.install(app, policy)
        return ask_asgi(app)

    def typed_endpoint(self, handler: Any) -> Any:
        """An endpoint with a parameter of type Request, to which FastAPI passes the whole request."""
        from starlette.requests import Request

        endpoint = self.endpoint(handler)
        endpoint.__annotations__ = {"request": Request, "return": Response}
        return endpoint

    def teardown_method(self) -> None:
        fastapi_instrument.uninstall()


class DjangoKit(HttpServerKit):
    middleware: tuple[str, ...] = ()

    def setup_method(self) -> None:
        super().setup_method()
        self.settings = ExitStack()

    def teardown_method(self) -> None:
        self.settings.close()
        django_instrument.uninstall()

    def site(self, routes: Mapping[str, Any]) -> None:
        """Set Django's settings with these routes, until the test ends."""
        patterns = [path(re.sub(r"{(\w+)}", r"<str:\1>", route[1:]), self.view(handler)) for route, handler in routes.items()]
        self.settings.enter_context(as_site(patterns, self.middleware))

    def view(self, handler: Any) -> Any:
        def respond(answer: Answer) -> Any:
            if isinstance(answer.body, str):
                return HttpResponse(answer.body, status=answer.status)
            return StreamingHttpResponse(answer.body, status=answer.status)

        async def asynchronous(request: Any, **parameters: str) -> Any:
            return respond(await handler(**parameters))

        def synchronous(request: Any, **parameters: str) -> Any:
            return respond(handler(**parameters))

        return asynchronous if inspect.iscoroutinefunction(handler) else synchronous


class TestDjangoWsgi(DjangoKit):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        from django.core.handlers.wsgi import WSGIHandler

        self.site(routes)
        django_instrument.install(policy)
        return ask_wsgi(WSGIHandler())


# When an answer fails in the middle, Django leaves the file of the request's body open, which Python reports.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestDjangoAsgi(DjangoKit):
    is_async = True

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        from django.core.handlers.asgi import ASGIHandler

        self.site(routes)
        django_instrument.install(policy)
        return ask_asgi(ASGIHandler())


class TestDjangoWsgiByMiddleware(DjangoKit):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        from django.core.handlers.wsgi import WSGIHandler

        self.middleware = middleware_with(policy)
        self.site(routes)
        return ask_wsgi(WSGIHandler())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestDjangoAsgiByMiddleware(DjangoKit):
    is_async = True

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        from django.core.handlers.asgi import ASGIHandler

        self.middleware = middleware_with(policy)
        self.site(routes)
        return ask_asgi(ASGIHandler())


def middleware_with(policy: HttpPolicy) -> tuple[str, ...]:
    PolicyMiddleware.policy = policy
    return (f"{__name__}.PolicyMiddleware",)


class PolicyMiddleware(django_instrument.TracingMiddleware):
    pass


class Broken(TestWsgi):
    """An instrumentation with the mistakes of other packages."""

    __test__ = False

    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            span = policy.tracer.start_span(  # type: ignore[union-attr]
                f"GET {environ['PATH_INFO']}", tags={"http.path": f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"}
            )
            answer = matching(routes, environ["PATH_INFO"])
            span.finish()
            start_response(f"{answer.status} Any", [])
            return [answer.body.encode()] if isinstance(answer.body, str) else answer.body

        return ask_wsgi(app)


def test_the_kit_finds_what_is_wrong() -> None:
    """An instrumentation with the usual mistakes fails most of the kit's tests."""
    failed, passed = [], []
    for name in dir(Broken):
        if name.startswith("test_") and getattr(Broken, name) is not None:
            kit = Broken()
            kit.setup_method()
            try:
                getattr(kit, name)()
            except Exception:
                failed.append(name)
            else:
                passed.append(name)

    assert len(failed) > 4 * len(passed), passed


def test_fakes_alone_import_no_kit() -> None:
    """`opentracing_zipkin.testing` imports a kit, with its instrumentation, only when the kit's name is used."""
    code = (
        "import sys; from opentracing_zipkin.testing import FakeClock; "
        "assert not [name for name in sys.modules if 'instrument' in name or 'kit' in name]; "
        "from opentracing_zipkin.testing import HttpServerKit; "
        "assert [name for name in sys.modules if 'kit' in name]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)
