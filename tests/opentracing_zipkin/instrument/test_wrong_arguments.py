"""A wrong argument of an instrumentation raises TypeError where it is given, and never in a request."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import opentracing
from opentracing_zipkin import instrument
from opentracing_zipkin.instrument import asgi, django, fastapi, flask, http, starlette, wsgi
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.instrument.registry import LIBRARIES
from tests.ids import stable_repr

REMEDY = "use an opentracing_zipkin.instrument.http.HttpPolicy(...), or leave it out for the policy that configure() fills"
WRONG_POLICIES = [{"peers": {}}, {}, 5, 0, "policy", (), HttpPolicy, 1.5, b"policy"]


class _Django(django.TracingMiddleware):
    pass


def _django_middleware(policy: Any) -> None:
    django_middleware = type("Own", (_Django,), {"policy": policy})
    django_middleware(lambda request: request)


async def _application(*_: Any) -> None:
    """An application that is never called."""


def _modules() -> Iterator[Any]:
    for found in pkgutil.iter_modules(instrument.__path__):
        yield importlib.import_module(f"{instrument.__name__}.{found.name}")


# Each module with an `install` that takes a policy, and the middlewares.
TAKERS: dict[str, Callable[[Any], object]] = {
    **{
        module.__name__.rpartition(".")[2]: lambda policy, module=module: module.install(policy=policy)
        for module in _modules()
        if hasattr(module, "install") and "policy" in inspect.signature(module.install).parameters
    },
    "wsgi.TracingMiddleware": lambda policy: wsgi.TracingMiddleware(lambda *_: [], policy=policy),
    "asgi.TracingMiddleware": lambda policy: asgi.TracingMiddleware(_application, policy=policy),
    "django.TracingMiddleware": _django_middleware,
    "flask.install(app)": lambda policy: flask.install(flask.Flask("x"), policy),
}


@pytest.fixture(autouse=True)
def _nothing_is_installed() -> Iterator[None]:
    yield
    for library in LIBRARIES.values():
        library.load().uninstall()


def test_the_table_has_every_library() -> None:
    """Each library that can be instrumented has an `install` that takes a policy."""
    assert set(LIBRARIES) == set(LIBRARIES) & set(TAKERS)


@pytest.mark.parametrize("policy", WRONG_POLICIES, ids=stable_repr)
@pytest.mark.parametrize("taker", TAKERS)
def test_a_wrong_policy_is_refused_at_once(taker: str, policy: Any) -> None:
    """Each `install` and each middleware raises TypeError for a policy that is no HttpPolicy, and tells the remedy."""
    with pytest.raises(TypeError) as caught:
        TAKERS[taker](policy)

    assert f"policy is of type {type(policy).__name__}; {REMEDY}" == str(caught.value)


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("other", ["ddtrace", None])
def test_a_wrong_policy_is_refused_also_where_we_stand_back(taker: str, other: str | None, monkeypatch: Any) -> None:
    """The check does not depend on another package that instruments the library."""
    for module in _modules():
        if hasattr(module, "stand_back"):
            monkeypatch.setattr(module, "stand_back", lambda name: other)

    with pytest.raises(TypeError, match="policy is of type int"):
        TAKERS[taker](5)


@pytest.mark.parametrize(
    "policy", [None, HttpPolicy(), type("Own", (HttpPolicy,), {})()], ids=["None", "HttpPolicy", "subclass"]
)
@pytest.mark.parametrize("taker", TAKERS)
def test_a_policy_is_taken(taker: str, policy: Any) -> None:
    """None, an HttpPolicy and an object of a subclass are policies."""
    TAKERS[taker](policy)


NO_FUNCTION = "use a function"
NO_PEERS = "use a dict of addresses and names, for instance {'db.internal:5432': 'orders-db'}"
NO_TRACER = "use an opentracing.Tracer, or leave it out for the global one"
WRONG_PARTS: list[tuple[str, Any, str]] = [
    *(
        (name, value, NO_FUNCTION)
        for name in ("on_request", "on_response", "sample", "on_shutdown")
        for value in (5, "f", {}, False)
    ),
    *(
        ("peers", value, NO_PEERS)
        for value in (5, "db=orders", ["db"], [("db", "orders")], {"db": 5}, {("db", 1): "orders"}, 0)
    ),
    *(("trust_forwarded", value, "use True or False") for value in (1, 0, "no", "true", [])),
    *(("tracer", value, NO_TRACER) for value in (5, "shop", {}, opentracing.Tracer, 0)),
    ("excluded_paths", 5, "use a list of paths, for instance ['/health']"),
    ("excluded_paths", "/health", "use a list of paths, for instance ['/health']"),
    ("excluded_paths", ["health"], "a path begins with a slash, for instance '/health' or '/internal/*'"),
    ("excluded_paths", [5], "a path begins with a slash, for instance '/health' or '/internal/*'"),
]


def test_the_table_has_each_argument_of_a_policy() -> None:
    """Each argument of HttpPolicy has a line in the table."""
    assert set(inspect.signature(HttpPolicy).parameters) == {name for name, _, _ in WRONG_PARTS}


@pytest.mark.parametrize("of", ["HttpPolicy", "DEFAULT.update"])
@pytest.mark.parametrize(("name", "value", "remedy"), WRONG_PARTS)
def test_a_wrong_part_of_a_policy_is_refused_at_once(of: str, name: str, value: Any, remedy: str) -> None:
    """A wrong argument of `HttpPolicy` or of `update` raises TypeError with its name and the remedy."""
    make = HttpPolicy if of == "HttpPolicy" or name == "tracer" else http.DEFAULT.update
    with pytest.raises(TypeError) as caught:
        make(**{name: value})

    assert str(caught.value).startswith(f"{name} ")
    assert str(caught.value).endswith(remedy)


WRONG_APPLICATIONS: list[Any] = [5, "app", {}, HttpPolicy(), lambda *_: [], wsgi.TracingMiddleware(lambda *_: [])]


@pytest.mark.parametrize("app", WRONG_APPLICATIONS, ids=lambda app: type(app).__name__)
@pytest.mark.parametrize(
    ("module", "kind", "other"), [(flask, "Flask", "wsgi"), (starlette, "Starlette", "asgi"), (fastapi, "FastAPI", "asgi")]
)
def test_a_wrong_application_is_refused_at_once(module: Any, kind: str, other: str, app: Any) -> None:
    """An `install` for one application raises TypeError for an object of another kind, and tells the middleware to use."""
    with pytest.raises(TypeError) as caught:
        module.install(app)

    assert f"app is of type {type(app).__name__}; use a {kind} application" == str(caught.value).partition("; for another")[0]
    assert str(caught.value).endswith(f"use opentracing_zipkin.instrument.{other}.TracingMiddleware(app)")


@pytest.mark.parametrize("module", [flask, starlette, fastapi])
def test_a_class_of_applications_is_taken(module: Any) -> None:
    """`install` takes an application, or a class of applications."""
    kind = {flask: flask.Flask, starlette: starlette.Starlette, fastapi: fastapi.FastAPI}[module]
    own = type("Own", (kind,), {})
    module.install(own)
    module.uninstall()
    module.install(kind("x") if module is flask else kind())

    assert not [name for name in vars(own) if name.startswith("_opentracing_zipkin")]
