"""Flask, and other WSGI frameworks: spans are named by rule, and all that serves a request runs inside its span."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, got_request_exception, redirect, request, stream_with_context
from flask.sessions import SecureCookieSessionInterface
from flask.views import MethodView
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.routing import BaseConverter
from werkzeug.test import Client, create_environ
from werkzeug.wsgi import ClosingIterator

from opentracing_zipkin.instrument import flask, wsgi
from opentracing_zipkin.testing import ask_wsgi

from .servers import Traced

LOG = logging.getLogger("tests.flask")


@pytest.fixture
def traced() -> Iterator[Traced]:
    yield Traced()
    flask.uninstall()


class Country(BaseConverter):
    regex = "[a-z]{2}"


def shop() -> Flask:
    app = Flask(__name__)
    app.url_map.converters["country"] = Country
    app.add_url_rule("/users/<int:id>", "user", lambda id: str(id))
    app.add_url_rule("/<country:where>/<any(tea, coffee):kind>", "drink", lambda where, kind: kind)
    app.add_url_rule("/<string(length=3):code>/<path:rest>", "code", lambda code, rest: rest)
    app.add_url_rule("/slashed/", "slashed", lambda: "ok")
    app.add_url_rule("/boom", "boom", boom)
    app.add_url_rule("/gone", "gone", lambda: abort(410))
    app.add_url_rule("/away", "away", lambda: redirect("/slashed/"))
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.add_url_rule("/items/<id>", "item", lambda tenant, id: id)
    outer.register_blueprint(inner, url_prefix="/inner")
    app.register_blueprint(outer, url_prefix="/outer/<tenant>")

    class Order(MethodView):
        def put(self, id: object) -> str:
            return str(id)

    app.add_url_rule("/orders/<uuid:id>", view_func=Order.as_view("order"))
    return app


def boom() -> str:
    raise ValueError("no such order")


ID = "463ac35c-9f64-13ad-4848-5a3953bb6124"
ROUTES = [
    ("GET", "/users/1", 200, "get /users/{id}"),
    ("GET", "/users/x", 404, "get not_found"),
    ("OPTIONS", "/users/1", 200, "options /users/{id}"),
    ("POST", "/users/1", 405, "post"),
    ("GET", "/de/tea", 200, "get /{where}/{kind}"),
    ("GET", "/abc/d/e", 200, "get /{code}/{rest}"),
    ("GET", "/slashed", 308, "get redirected"),
    ("GET", "/away", 302, "get /away"),
    ("GET", "/gone", 410, "get /gone"),
    ("GET", "/boom", 500, "get /boom"),
    ("GET", "/outer/acme/inner/items/3", 200, "get /outer/{tenant}/inner/items/{id}"),
    ("PUT", f"/orders/{ID}", 200, "put /orders/{id}"),
    ("GET", "/static/none.css", 404, "get /static/{filename}"),
]


@pytest.mark.parametrize("way", ["install", "install-app", "around", "in-wsgi-app", "all-of-them"])
def test_a_span_is_named_by_its_rule(traced: Traced, way: str) -> None:
    """A request has one span, named by its rule with its blueprints' prefixes, even after several `install`s."""
    app: Any = shop()
    if way in ("install", "all-of-them"):
        flask.install(policy=traced.policy)
        flask.install(policy=traced.policy)
    if way in ("install-app", "all-of-them"):
        flask.install(app, traced.policy)
    if way in ("in-wsgi-app", "all-of-them"):
        app.wsgi_app = wsgi.TracingMiddleware(app.wsgi_app, traced.policy)
    if way in ("around", "all-of-them"):
        app = wsgi.TracingMiddleware(app, traced.policy)
    ask = ask_wsgi(app)
    for method, path, status, name in ROUTES:
        assert status == ask(method, path, {}).status
        span = traced.one()
        assert (name, None if status == 200 else str(status)) == (span.name, span.tags.get("http.status_code"))
        assert ("error" in span.tags) == (status >= 500)
        if path == "/boom" and way in ("install", "install-app", "all-of-them"):
            assert "ValueError: no such order" == span.tags["error"]
    assert 0 == traced.policy.faults


def test_flask_without_signals_is_traced(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flask before 2.3, whose signals need blinker, is traced without it, and the exception of a 500 is the span's error."""

    class NoSignal:
        def connect(self, *_: object) -> None:
            raise RuntimeError("Signalling support is unavailable because the blinker library is not installed.")

        disconnect = connect

    monkeypatch.setattr(flask, "got_request_exception", NoSignal())
    unpatched = Flask.handle_exception
    flask.install(policy=traced.policy)
    answer = ask_wsgi(shop())("GET", "/boom", {})
    span = traced.one()
    flask.uninstall()

    assert (500, "get /boom", "ValueError: no such order") == (answer.status, span.name, span.tags["error"])
    assert unpatched is Flask.handle_exception


def test_all_that_serves_a_request_has_its_span(traced: Traced) -> None:
    """The span is active in `open_session`, hooks, the view, error handlers, a stream, and the callbacks at its close."""
    app = Flask(__name__)
    seen: dict[str, str | None] = {}

    def note(name: str) -> None:
        seen[name] = traced.active_id()

    class Sessions(SecureCookieSessionInterface):
        def open_session(self, *arguments: Any) -> Any:
            note("open_session")
            return super().open_session(*arguments)

    app.session_interface = Sessions()
    app.before_request(lambda: note("before_request"))
    app.teardown_request(lambda error: note("teardown"))

    @app.after_request
    def after(response: Response) -> Response:
        note("after_request")
        response.call_on_close(lambda: note("call_on_close"))
        return response

    @app.errorhandler(ValueError)
    def on_error(error: ValueError) -> Response:
        note("errorhandler")

        def chunks() -> Iterator[str]:
            note("first chunk")
            yield request.path
            note("last chunk")

        return Response(stream_with_context(chunks()), 400)

    app.add_url_rule("/boom", "boom", boom)
    flask.install(app, traced.policy)
    answer = ask_wsgi(app)("GET", "/boom", {})
    span = traced.one()

    assert (400, "/boom", None) == (answer.status, answer.body, span.tags.get("error"))
    assert {
        "open_session": span.span_id,
        "before_request": span.span_id,
        "errorhandler": span.span_id,
        "after_request": span.span_id,
        "first chunk": span.span_id,
        "last chunk": span.span_id,
        "call_on_close": span.span_id,
        "teardown": span.span_id,
    } == seen


def test_an_async_view_has_the_span(traced: Traced) -> None:
    """The span is active in an async view of Flask, which runs in an event loop of its own."""
    app = Flask(__name__)

    @app.get("/async/<id>")
    async def view(id: str) -> str:
        return traced.active_id() or ""

    flask.install(app, traced.policy)
    answer = ask_wsgi(app)("GET", "/async/1", {})
    span = traced.one()

    assert ("get /async/{id}", span.span_id) == (span.name, answer.body)


@pytest.mark.parametrize("setting", ["DEBUG", "TESTING", "PROPAGATE_EXCEPTIONS"])
def test_an_exception_that_is_passed_on_is_the_error(traced: Traced, setting: str) -> None:
    """Where Flask leaves an exception to the server, the exception reaches the server and is the span's error."""
    app = shop()
    app.config[setting] = True
    flask.install(app, traced.policy)
    with pytest.raises(ValueError, match="order"):
        Client(app).get("/boom")
    span = traced.one()

    assert ("get /boom", "ValueError: no such order", "500") == (
        span.name,
        span.tags["error"],
        span.tags["http.status_code"],
    )


def test_a_signal_without_a_request_is_let_pass(traced: Traced) -> None:
    """An exception that an extension signals outside a request belongs to no span."""
    app = shop()
    flask.install(app, traced.policy)
    got_request_exception.send(app, exception=ValueError("x"))

    assert [] == traced.spans


def test_an_error_page_of_ones_own_has_the_exception(traced: Traced) -> None:
    """A handler for 500 chooses the answer and its status; the span's error is the exception."""
    app = shop()
    app.register_error_handler(500, lambda error: ("sorry", 503))
    flask.install(app, traced.policy)
    answer = ask_wsgi(app)("GET", "/boom", {})
    span = traced.one()

    assert ("sorry", "ValueError: no such order", "503") == (answer.body, span.tags["error"], span.tags["http.status_code"])


def test_applications_that_are_mounted_are_one_request(traced: Traced) -> None:
    """Below a dispatcher, a request has one span, whose name includes the mount of the application."""
    app = wsgi.TracingMiddleware(DispatcherMiddleware(shop(), {"/api/v1": shop(), "/caf\xc3\xa9": shop()}), traced.policy)
    flask.install(policy=traced.policy)
    ask = ask_wsgi(app)
    for path in ("/users/1", "/api/v1/users/1", "/caf%C3%A9/users/1", "/api/v1/nowhere"):
        ask("GET", path, {})

    assert ["get /users/{id}", "get /api/v1/users/{id}", "get /café/users/{id}", "get not_found"] == traced.names
    assert "/café/users/1" == traced.spans[2].tags["http.path"]


def test_only_the_application_that_was_named_is_traced(traced: Traced) -> None:
    """`install` with an application traces only that one, and its own policy outranks the policy for all."""
    first, second, other = shop(), shop(), Traced()
    flask.install(first, traced.policy)
    ask_wsgi(first)("GET", "/boom", {})
    ask_wsgi(second)("GET", "/boom", {})

    assert 1 == len(traced.spans)
    flask.install(policy=other.policy)
    ask_wsgi(first)("GET", "/boom", {})
    ask_wsgi(second)("GET", "/boom", {})

    assert (2, 1) == (len(traced.spans), len(other.spans))


def test_uninstall_restores(traced: Traced) -> None:
    """`uninstall` puts back Flask's methods, and applications are no longer traced."""
    before = [vars(Flask)["__call__"], vars(Flask)["wsgi_app"]]
    app = shop()
    flask.install(app, traced.policy)
    flask.install(policy=traced.policy)
    flask.uninstall()
    flask.uninstall()
    ask_wsgi(app)("GET", "/users/1", {})

    assert (before, []) == ([vars(Flask)["__call__"], vars(Flask)["wsgi_app"]], traced.spans)


def test_a_stream_that_a_client_leaves_ends_there(traced: Traced) -> None:
    """A client that leaves in the middle of a stream ends the span, without an error."""
    app = Flask(__name__)

    @app.get("/")
    def endless() -> Response:
        def chunks() -> Iterator[bytes]:
            while True:
                yield b"x"

        return Response(chunks())

    flask.install(app, traced.policy)
    answer = Client(app).get("/", buffered=False)
    next(iter(answer.response))

    assert [] == traced.spans
    answer.close()

    assert "error" not in traced.one().tags


def test_an_answer_whose_length_is_known_ends_with_its_last_byte(traced: Traced) -> None:
    """The span ends with the last byte, because some servers read from the client before they call `close`."""
    app = shop()
    flask.install(app, traced.policy)
    answer = Client(app).get("/users/1", buffered=False)
    next(iter(answer.response))

    assert "get /users/{id}" == traced.one().name
    answer.close()

    assert [] == traced.spans


def test_an_answer_that_is_there_goes_to_the_server_as_it_is(traced: Traced) -> None:
    """A body from a list needs only encoding, so it reaches the server without a wrapper of ours."""
    app = shop()
    flask.install(app, traced.policy)
    environ = create_environ("/users/1")
    body = app(environ, lambda status, headers, exc_info=None: None)  # type: ignore[arg-type,return-value]

    assert "get /users/{id}" == traced.one().name
    assert ClosingIterator is type(body)


@pytest.mark.parametrize(
    "answer",
    [
        lambda response: response.call_on_close(lambda: None) and response,
        lambda response: Response(iter(response.response)),
        lambda response: Response(response.response, direct_passthrough=True),
    ],
    ids=["somebody waits for its end", "streamed", "passed through"],
)
def test_any_other_answer_lasts_until_it_is_closed(traced: Traced, answer: Any) -> None:
    """A stream, and a function that runs when the response closes, run inside the request's span."""
    app = Flask(__name__)

    @app.get("/")
    def view() -> Response:
        response: Response = answer(Response("ok"))
        del response.headers["Content-Length"]
        return response

    flask.install(app, traced.policy)
    body: Any = app(create_environ("/"), lambda status, headers, exc_info=None: None)  # type: ignore[arg-type,return-value]

    if type(body) is not list:
        assert [] == traced.spans
        assert [b"ok"] == list(body)
        body.close()
    assert "get /" == traced.one().name


def test_a_body_of_another_werkzeug_lasts_until_it_is_closed(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body whose response cannot be found is treated as a stream."""
    app = shop()
    flask.install(app, traced.policy)
    monkeypatch.setattr(ClosingIterator, "__init__", _without_callbacks)
    body: Any = app(create_environ("/users/1"), lambda status, headers, exc_info=None: None)  # type: ignore[arg-type,return-value]

    assert [] == traced.spans
    assert b"1" in b"".join(body)
    assert "get /users/{id}" == traced.one().name


def _without_callbacks(self: Any, iterable: Any, callbacks: Any = None) -> None:
    self._next = iter(iterable).__next__


def test_a_method_is_the_name_where_no_route_is_known(traced: Traced) -> None:
    """Any WSGI application is traced; without a framework that we know, the span's name is the method."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"ok"]

    ask_wsgi(wsgi.TracingMiddleware(app, traced.policy))("GET", "/users/1", {})

    assert ("get", "/users/1") == (traced.spans[0].name, traced.spans[0].tags["http.path"])


def test_bottles_route_is_known(traced: Traced) -> None:
    """Bottle leaves its route in the environ, and the route names the span."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["bottle.route"] = SimpleNamespace(rule="/users/<id:int>/<rest:re:[a-z]+>/<name>")
        start_response("200 OK", [])
        return [b"ok"]

    ask_wsgi(wsgi.TracingMiddleware(app, traced.policy))("GET", "/users/1/a/b", {})

    assert "get /users/{id}/{rest}/{name}" == traced.one().name


def test_an_applications_own_attributes_are_there(traced: Traced) -> None:
    """The middleware has its application's attributes, and it can be copied."""
    import copy

    app = wsgi.TracingMiddleware(shop(), traced.policy)

    assert "tests.opentracing_zipkin.instrument.test_flask" == app.import_name == copy.copy(app).import_name
