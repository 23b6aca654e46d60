"""Sampling by rules: the first rule decides whose conditions all fit the root."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin import ZipkinTracer, sampling
from opentracing_zipkin.sampling import Root, Rule
from opentracing_zipkin.sampling.patterns import path_matcher, text_matcher
from opentracing_zipkin.testing import InMemoryRecorder

# A rule's conditions, a root, and whether they fit.
FITS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({}, {}, True),
    ({"method": "POST"}, {"tags": {"http.method": "POST"}}, True),
    ({"method": "post"}, {"tags": {"http.method": "POST"}}, True),
    ({"method": "POST"}, {"tags": {"http.request.method": "post"}}, True),
    ({"method": ["GET", "HEAD"]}, {"tags": {"http.method": "HEAD"}}, True),
    ({"method": ["GET", "HEAD"]}, {"tags": {"http.method": "POST"}}, False),
    ({"method": "GET"}, {}, False),
    ({"method": "GET"}, {"tags": {"http.method": 5}}, False),
    ({"path": "/health"}, {"tags": {"http.path": "/health"}}, True),
    ({"path": "/health"}, {"tags": {"http.path": "/health/"}}, False),
    ({"path": "/health"}, {"tags": {"url.path": "/health"}}, True),
    ({"path": "/health"}, {"tags": {"http.target": "/health?full=1"}}, True),
    ({"path": "/health"}, {"tags": {"http.url": "https://shop:8080/health?full=1#x"}}, True),
    ({"path": "/health"}, {"tags": {"http.url": "http+unix://socket/health"}}, True),
    ({"path": "/a://b/health"}, {"tags": {"http.target": "/a://b/health"}}, True),
    ({"path": "/"}, {"tags": {"url.full": "https://shop"}}, False),
    ({"path": "/"}, {"tags": {"url.full": "https://shop/"}}, True),
    ({"path": "/pay/*"}, {"tags": {"http.path": "/pay/"}}, True),
    ({"path": "/pay/*"}, {"tags": {"http.path": "/pay/1/2"}}, True),
    ({"path": "/pay/*"}, {"tags": {"http.path": "/pay"}}, False),
    ({"path": "*"}, {}, False),
    ({"path": "*.css"}, {"tags": {"http.path": "/a/b.css"}}, True),
    ({"path": "/a/*/c/*.css"}, {"tags": {"http.path": "/a/b/c/d.css"}}, True),
    ({"path": "/users/{id}"}, {"tags": {"http.path": "/users/7"}}, True),
    ({"path": "/users/{id}"}, {"tags": {"http.path": "/users/7/orders"}}, False),
    ({"path": "/users/<int:id>/orders"}, {"tags": {"http.path": "/users/7/orders"}}, True),
    ({"path": "/files/<path:name>"}, {"tags": {"http.path": "/files/a/b"}}, True),
    ({"path": "/users/{id}"}, {"tags": {"http.route": "/users/{id}"}}, True),
    ({"service": "shop*"}, {"service_name": "Shop-eu"}, True),
    ({"service": "shop"}, {"service_name": "shop-eu"}, False),
    ({"operation": "send *"}, {"operation_name": "send mail"}, True),
    ({"operation": "send"}, {"operation_name": "send mail"}, False),
    ({"kind": "consumer"}, {"tags": {"span.kind": "consumer"}}, True),
    ({"kind": "server"}, {"tags": {"span.kind": "s"}}, True),
    ({"kind": ["client", "local"]}, {}, True),
    ({"kind": "local"}, {"tags": {"span.kind": "server"}}, False),
    ({"headers": {"X-Tenant": "gold"}}, {"headers": {"x-tenant": "gold"}}, True),
    ({"headers": {"x-tenant": "gold"}}, {"headers": {"x-tenant": "golden"}}, False),
    ({"headers": {"x-tenant": "*"}}, {"headers": {"x-tenant": ""}}, True),
    ({"headers": {"x-tenant": "*"}}, {}, False),
    ({"tags": {"db.system": "redis"}}, {"tags": {"db.system": "redis"}}, True),
    ({"tags": {"cached": "true"}}, {"tags": {"cached": True}}, True),
    ({"tags": {"shard": "7"}}, {"tags": {"shard": 7}}, True),
    ({"tags": {"shard": "*"}}, {"tags": {}}, False),
    ({"method": "GET", "path": "/a"}, {"tags": {"http.method": "GET", "http.path": "/b"}}, False),
    (
        {"method": "GET", "path": "/a", "service": "s"},
        {"service_name": "s", "tags": {"http.method": "GET", "http.path": "/a"}},
        True,
    ),
]


@pytest.mark.parametrize(("conditions", "root", "fits"), FITS)
def test_a_rule_fits_where_all_its_conditions_hold(conditions: dict[str, Any], root: dict[str, Any], fits: bool) -> None:
    """A rule fits if all its conditions hold; a root that is no request has no method and no path."""
    assert fits is Rule(**conditions, rate=1).fits(Root(**root))


def test_the_first_rule_that_fits_decides() -> None:
    """The first rule that fits decides, and `otherwise` if none fits."""
    sampler = sampling.rules(
        Rule(path="/health", rate="never"),
        Rule(path="/pay/*", method="POST", rate="always"),
        Rule(path="/pay/*", rate=0),
        otherwise=lambda trace_id: trace_id == 7,
    )

    def decide(path: str, method: str = "GET", trace_id: int = 1) -> bool:
        return sampler.decide(trace_id, Root(tags={"http.path": path, "http.method": method}))

    assert [False, True, False, False, True] == [
        decide("/health"),
        decide("/pay/1", "POST"),
        decide("/pay/1", trace_id=7),
        decide("/x"),
        decide("/x", trace_id=7),
    ]


def test_a_rate_is_by_the_trace_id_as_that_of_boundary() -> None:
    """A rule's rate decides by the trace id as `boundary` does, so services with the same rule record the same traces."""
    sampler, keep = sampling.rules(Rule(rate=0.3)), sampling.boundary(0.3)

    assert [*map(keep, range(1000))] == [sampler.decide(trace_id, Root()) for trace_id in range(1000)]


def test_a_limit_is_a_rules_own() -> None:
    """Each rule has a limit of its own, which counts after its rate."""
    sampler = sampling.rules(Rule(path="/a", limit=1), Rule(path="/b", limit=1, rate=0.5))
    kept = {
        path: sum(sampler.decide(number, Root(tags={"http.path": path})) for number in range(200))
        for path in ("/a", "/b", "/c")
    }

    assert {"/a": 1, "/b": 1, "/c": 200} == kept


def test_a_span_and_its_tags_reach_the_rules() -> None:
    """The rules see the root and its tags however it starts, and children follow their root."""
    tracer = ZipkinTracer(
        "shop",
        recorder=InMemoryRecorder(),
        sampler=sampling.rules(Rule(operation="nightly", tags={"job": "*"}, service="shop", kind="local", rate=1), otherwise=0),
    )
    with tracer.start_active_span("nightly", tags={"job": 7}) as scope:
        pass
    roots = [tracer.start_span("nightly", tags={"job": 7}), tracer.start_trace("nightly", {"job": 7}), scope.span]

    assert [True] * 3 == [root.context.sampled for root in roots]
    assert True is tracer.start_span("other", child_of=roots[0]).context.sampled
    assert [False, False] == [
        tracer.start_trace("nightly").context.sampled,
        tracer.start_trace("x", {"job": 7}).context.sampled,
    ]


def test_a_tag_that_cannot_be_compared_means_no() -> None:
    """A tag that raises when it is compared means no, because tracing never breaks the traced."""

    class Hostile(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise RuntimeError

    class Key:
        def __hash__(self) -> int:
            return hash("http.path")

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampler=sampling.rules(Rule(path="/a", rate=1), otherwise=1))
    given: list[Any] = [Hostile(a=1), {Key(): 1}, {"http.path": object()}, {1: 2}, [("http.path", "/a")]]

    assert [True, False, True, True, True] == [tracer.start_trace("x", tags).context.sampled for tags in given]


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({}, "rate is missing; give the share"),
    ({"rate": 1.5}, "rate is 1.5; use 0.0"),
    ({"rate": True}, "rate is True; use 0.0"),
    ({"rate": float("nan")}, "rate is nan; use 0.0"),
    ({"rate": "often"}, "rate is 'often'; use 0.0"),
    ({"limit": 0}, "limit is 0; use the greatest number"),
    ({"rate": 1, "limit": "5"}, "limit is '5'; use the greatest number"),
    ({"rate": 1, "path": "health"}, "path is 'health'; a path begins with a slash"),
    ({"rate": 1, "path": ["/a"]}, r"path is \['/a'\]; a path begins"),
    ({"rate": 1, "method": ""}, "method is ''; use a word"),
    ({"rate": 1, "method": [1]}, r"method is \[1\]; use a word"),
    ({"rate": 1, "method": []}, r"method is \[\]; use a word"),
    ({"rate": 1, "kind": "servr"}, "kind is 'servr'; use one of server, client"),
    ({"rate": 1, "service": ""}, "service is ''; use text"),
    ({"rate": 1, "operation": 5}, "operation is 5; use text"),
    ({"rate": 1, "headers": "x"}, "headers is 'x'; use a table"),
    ({"rate": 1, "headers": {"x-a": 1}}, "headers.x-a is 1; use text"),
    ({"rate": 1, "tags": {"": "x"}}, "tags is ''; use text"),
]


@pytest.mark.parametrize(("given", "told"), MISTAKES)
def test_a_wrong_value_of_a_rule_is_told_with_the_remedy(given: dict[str, Any], told: str) -> None:
    """A wrong value raises ValueError with the remedy when the rule is made."""
    with pytest.raises(ValueError, match=f"^{told}"):
        Rule(**given)


def test_what_is_no_rule_is_refused() -> None:
    """An argument that is no rule is refused, and so is a wrong `otherwise`."""
    with pytest.raises(TypeError, match=r"^'/health' is no rule; use sampling\.Rule"):
        sampling.rules("/health")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^None is no rule; use sampling\.Rule"):
        sampling.rules(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^otherwise is 5; use 0\.0"):
        sampling.rules(otherwise=5)


def test_rules_are_shown_as_they_are_written() -> None:
    """The repr of rules is the code that makes them."""
    rule = Rule(method=["PUT", "post"], path="/a", headers={"X-A": "b"}, rate=0.5)

    assert "Rule(method=['POST', 'PUT'], path='/a', headers={'x-a': 'b'}, rate=0.5)" == repr(rule)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a*a*a*a*a*a*a*a*b", "/" + "a" * 8000),
        ("/{x}/{y}/*{z}*/b", "/" + "a/" * 4000),
        ("*/{x}/*/{y}/*/{z}/*/b", "/" + "a/" * 4000),
        ("/<a>*<b>*<c>*<d>*x", "/" + "a" * 8000),
        ("/" + "{a}-" * 20 + "x", "/" + "a-" * 4000),
        ("/{name}.{ext}", "/" + "." * 8000 + "/"),
        ("*{a}-{b}-{c}x*", "/" + "a-" * 4000),
        ("/*{id}.css", "/" + "a" * 8000),
        ("*{a}*" * 20 + "x", "/" * 8000),
    ],
)
def test_a_path_that_was_made_for_a_pattern_takes_no_time(pattern: str, path: str) -> None:
    """A path that was made to slow a pattern down takes no time, because paths come from strangers."""
    matches = path_matcher(pattern)
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        found = matches(path)
        seconds.append(time.perf_counter() - begin)

    assert False is found
    assert min(seconds) < 0.2


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [("a*a", "a", False), ("a*a", "aa", True), ("*", "", True), ("*b*", "abc", True), ("a.c", "abc", False), ("[a]*", "[a]b", True), ("a*\n", "ab\n", True)],
)  # fmt: skip
def test_only_a_star_stands_for_any_text(pattern: str, text: str, fits: bool) -> None:
    """Only a star stands for any text, and all other characters for themselves."""
    assert fits is text_matcher(pattern)(text)


@given(
    st.lists(st.sampled_from(["a", "b", "/", "-", "*", "{x}", "<int:y>"]), max_size=8).map("".join),
    st.text("ab/-", max_size=12),
)
def test_a_pattern_fits_as_an_expression_would(pattern: str, path: str) -> None:
    """A pattern matches the same paths as an expression, with names and stars in any place."""
    named = re.sub(r"\{x\}|<int:y>", "~", f"/{pattern}")
    expression = re.escape(named).replace("\\*", ".*").replace("\\~", "~").replace("~", "[^/]+")

    assert bool(re.fullmatch(expression, f"/{path}")) is path_matcher(f"/{pattern}")(f"/{path}")
