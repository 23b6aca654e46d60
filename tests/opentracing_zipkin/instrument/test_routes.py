"""Routes have one spelling for all frameworks."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.instrument.routes import route_of_bottle, route_of_pattern, route_of_rule, route_of_template


@pytest.mark.parametrize(
    ("rule", "route"),
    [
        ("/", "/"),
        ("/users/<id>", "/users/{id}"),
        ("/users/<int:id>", "/users/{id}"),
        ("/<any(a,b):kind>/<string(length=2):lang>", "/{kind}/{lang}"),
        ("/<regex('[a-z]{2,3}:(x)'):name>/x", "/{name}/x"),
        ("/<path:rest>", "/{rest}"),
        ("/a<b", "/a<b"),
    ],
)
def test_rules_of_flask(rule: str, route: str) -> None:
    """A route of Flask leaves out converters and their arguments."""
    assert route == route_of_rule(rule)


@pytest.mark.parametrize(
    ("rule", "route"),
    [
        ("/<id>", "/{id}"),
        ("/<id:int>", "/{id}"),
        ("/<x:re:[a-z]+>/y", "/{x}/y"),
        ("/<:re:[0-9]+>", "/{}"),
        ("/a", "/a"),
        ("/simple/:project/", "/simple/{project}/"),
        ("/:id#[0-9]+#/<x>/:rest", "/{id}/{x}/{rest}"),
        ("/a\\:b", "/a\\:b"),
    ],
)
def test_rules_of_bottle(rule: str, route: str) -> None:
    """A route of Bottle leaves out filters and their patterns, in the older syntax, too."""
    assert route == route_of_bottle(rule)


def test_templates_of_litestar() -> None:
    """A route of Litestar leaves out types."""
    assert "/users/{id}/{rest}" == route_of_template("/users/{id:int}/{rest:path}")


@pytest.mark.parametrize(
    ("pattern", "route"),
    [
        ("", ""),
        ("users/<int:id>/", "users/{id}/"),
        ("^users/(?P<id>[0-9]+)/$", "users/{id}/"),
        (r"^articles/(?P<year>\d{4})/(?P<slug>[\w-]+)\.html$", "articles/{year}/{slug}.html"),
        ("api/users/<int:id>/(?P<part>a|b)$", "api/users/{id}/{part}"),
        ("^(a|b)/c$", "{}/c"),
        (r"^page(?:/(?P<number>\d+))?/$", "page/{number}/"),
        ("^(?:a|b)/c", "{}/c"),
        ("^(?i:a)/c", "a/c"),
        (r"^x(?=y)(?!z)(?<=q)(?#a comment)y/", "xy/"),
        ("(?i)^a/", "a/"),
        (r"^[a-z]+/\d{2}/\w*/.*/[^/]+/[]a]$", "{}/{}/{}/{}/{}/{}"),
        (r"^a/(?P<x>(?P<y>\d+)-(\d+))/$", "a/{x}/"),
        (r"^a\Z", "a"),
        ("^a(", "a{}"),
        ("^a)", "a"),
        ("^a[", "a["),
        ("a\\", "a\\"),
        ("file.txt", "file.txt"),
        ("^file.txt$", "file.txt"),
    ],
)
def test_patterns_of_django(pattern: str, route: str) -> None:
    """A group of a Django pattern becomes its name in braces, or `{}`; parts that match no character are left out."""
    assert route == route_of_pattern(pattern)


@given(st.text(alphabet="^$()[]{}?P<>:=!|\\*+.-/ab0,i#", max_size=30))
def test_any_pattern_gives_a_route(pattern: str) -> None:
    """No pattern makes `route_of_pattern` raise."""
    assert isinstance(route_of_pattern(pattern), str)
