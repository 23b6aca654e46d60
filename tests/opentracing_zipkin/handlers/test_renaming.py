"""Renaming: names with ids in them become few names."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin import FinishedSpan
from opentracing_zipkin.handlers import rename


def renamed(handler: Any, name: str, **tags: str) -> str:
    return str(handler(FinishedSpan("a" * 16, "b" * 16, name=name, tags=tags)).name)


@pytest.mark.parametrize(
    ("rule", "name", "expected"),
    [
        ("/users/{id}", "/users/123", "/users/{id}"),
        ("/users/{id}", "get /users/123", "get /users/{id}"),
        ("/users/{id}", "/users/123/orders", "/users/123/orders"),
        ("/users/{id}", "/users/", "/users/"),
        ("/users/{id}", "/USERS/a.b-c", "/users/{id}"),
        ("/users/{id}/orders/{order}", "/users/1/orders/2", "/users/{id}/orders/{order}"),
        ("/{any}.json", "/a.json", "/{any}.json"),
        ({"GET": "fetch", "put": "store"}, "get", "fetch"),
        ({"GET": "fetch"}, "getter", "getter"),
        ({re.compile(r"order (\d)\d+"): r"order \1…"}, "order 123", "order 1…"),
        ({re.compile(r"order \d+"): "order"}, "order 12a", "order 12a"),
        (lambda span: span.tags.get("http.route"), "get /users/1", "/users/<id>"),
        (lambda span: None, "get /users/1", "get /users/1"),
    ],
)
def test_a_rule_gives_another_name(rule: Any, name: str, expected: str) -> None:
    """A template, a mapping or a function gives a span another name, and all other names stay."""
    handler = rename(rule)

    assert expected == renamed(handler, name, **{"http.route": "/users/<id>"})
    assert expected == renamed(handler, name, **{"http.route": "/users/<id>"})


def test_the_first_rule_that_has_a_name_counts() -> None:
    """The first rule that returns a name counts, in the order of the arguments."""
    handler = rename({"/users/me": "me"}, "/users/{id}", lambda span: "any")

    assert ["me", "/users/{id}", "any"] == [renamed(handler, name) for name in ("/users/me", "/users/1", "x")]


@given(
    st.lists(st.sampled_from(["a", "b", "/", "-", "{x}"]), max_size=8).map("".join), st.text("ab/-? ", min_size=1, max_size=12)
)
def test_a_template_fits_as_an_expression_would(template: str, name: str) -> None:
    """A template matches the same names as an expression, with any number of fields in a step."""
    template = f"/{template}{{y}}"
    expression = re.sub(r"\{[xy]\}", r"[^/\\s?#]+", template)
    expected = template if re.fullmatch(expression, f"/{name}") else f"/{name}"

    assert expected == renamed(rename(template), f"/{name}")


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("/{name}.{ext}", "/" + "." * 20_000 + "/"),
        ("/" + "{a}-" * 20 + "x", "/" + "a-" * 10_000),
        ("/" + "{a}" * 20, "/" * 20_000),
    ],
)
def test_a_name_that_was_made_for_a_template_takes_no_time(template: str, name: str) -> None:
    """A name that was made to slow a template down takes no time, because paths come from strangers."""
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        assert name == renamed(rename(template), name)
        seconds.append(time.perf_counter() - begin)

    assert min(seconds) < 0.2


def test_names_without_end_cost_no_memory() -> None:
    """Only a few thousand names are remembered."""
    handler = rename("/users/{id}")
    for number in range(10_000):
        renamed(handler, f"/users/{number}")

    assert handler._remembered is not None
    assert len(handler._remembered) <= 4096


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ((), r"rename\(\) has no rule"),
        (("/users",), "has nothing in braces"),
        ((5,), "5 is no rule; use a mapping"),
        (({"a": 5},), "'a': 5 is no rule"),
        (({5: "a"},), "5: 'a' is no rule"),
    ],
)
def test_what_is_no_rule_says_how(rules: Any, message: str) -> None:
    """An argument that is no rule raises ValueError with the remedy."""
    with pytest.raises(ValueError, match=message):
        rename(*rules)
