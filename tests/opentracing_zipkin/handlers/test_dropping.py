"""Dropping: spans that nobody looks at."""

from __future__ import annotations

from typing import Any

import pytest

from opentracing_zipkin import FinishedSpan, ZipkinTracer
from opentracing_zipkin.handlers import drop
from opentracing_zipkin.testing import FakeSender


def span(**fields: Any) -> FinishedSpan:
    return FinishedSpan("a" * 16, "b" * 16, **fields)


@pytest.mark.parametrize(
    ("handler", "fields", "dropped"),
    [
        (drop("get /health"), {"name": "get /health"}, True),
        (drop("GET /health"), {"name": "get /health"}, True),
        (drop("get /health"), {"name": "get /healthy"}, False),
        (drop("*/health", "*/ready"), {"name": "get /ready"}, True),
        (drop(kinds=["CLIENT"]), {"kind": "CLIENT"}, True),
        (drop(kinds=["client", "LOCAL"]), {"kind": None}, True),
        (drop(kinds="SERVER"), {"kind": None}, False),
        (drop(tags={"http.status_code": "404"}), {"tags": {"http.status_code": "404"}}, True),
        (drop(tags={"http.status_code": "4*"}), {"tags": {"http.status_code": "404"}}, True),
        (drop(tags={"cache": ...}), {"tags": {"cache": ""}}, True),
        (drop(tags={"cache": ...}), {"tags": {}}, False),
        (drop(shorter_than_s=0.001), {"duration_us": 999}, True),
        (drop(shorter_than_s=0.001), {"duration_us": 1000}, False),
        (drop(shorter_than_s=0.001), {"duration_us": 0}, False),
        (drop(when=lambda span: span.parent_id is None), {}, True),
        (drop("get", kinds=["CLIENT"], shorter_than_s=1), {"name": "get", "kind": "CLIENT", "duration_us": 5}, True),
        (drop("get", kinds=["CLIENT"], shorter_than_s=1), {"name": "get", "kind": "SERVER", "duration_us": 5}, False),
        (drop("get"), {"name": "get", "tags": {"error": "no"}}, False),
        (drop("get", keep_errors=False), {"name": "get", "tags": {"error": "no"}}, True),
        (drop("get", keep_errors=False), {"name": "get", "debug": True}, False),
    ],
)
def test_a_span_of_which_all_holds_is_dropped(handler: Any, fields: dict[str, Any], dropped: bool) -> None:
    """A span that meets all conditions is dropped; errors are kept by default, and debug traces always."""
    given = span(**fields)

    assert (None if dropped else given) is handler(given)


def test_what_is_dropped_is_counted() -> None:
    """A dropped span has the cause "handler", and a span is dropped if one of several handlers drops it."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, handlers=[drop("a"), drop("b")])
    for name in ("a", "b", "c"):
        tracer.start_span(name).finish()
    tracer.close().result(5)

    assert (3, 1, 2) == (tracer.stats.finished, tracer.stats.sent, tracer.stats.dropped["handler"])


@pytest.mark.parametrize(
    ("names", "arguments", "message"),
    [
        ((), {}, r"drop\(\) would drop every span"),
        ((5,), {}, "names are"),
        ((), {"kinds": ["neither"]}, r"kinds is \['neither'\]; use a list of CLIENT"),
        ((), {"tags": "a"}, "tags is 'a'; use a dict"),
        ((), {"shorter_than_s": 0}, "shorter_than_s is 0; use seconds"),
        ((), {"shorter_than_s": "1"}, "shorter_than_s is '1'"),
        ((), {"when": 5}, r"^when is of type int; use a function of the span"),
        ((), {"when": "server"}, r"^when is of type str; use a function of the span"),
        ((), {"when": 0}, r"^when is of type int; use a function of the span"),
        ((), {"kinds": 5}, r"^kinds is 5; use a list of CLIENT"),
        ((), {"kinds": None}, r"^kinds is None; use a list of CLIENT"),
        ((), {"tags": {5: "a"}}, r"^tags has 5: 'a'; use a text and its value"),
        ((), {"tags": {"a": None}}, r"^tags has 'a': None; use a text and its value, or \.\.\. for any value"),
        ((), {"shorter_than_s": True}, r"^shorter_than_s is True; use seconds"),
        ((), {"shorter_than_s": float("nan")}, r"^shorter_than_s is nan; use seconds"),
        (("a",), {"keep_errors": "no"}, r"^keep_errors is 'no'; use True or False"),
        (("",), {}, r"^names are \('',\); use texts"),
        ((None,), {}, r"^names are \(None,\); use texts"),
    ],
)
def test_a_wrong_argument_says_how(names: Any, arguments: dict[str, Any], message: str) -> None:
    """A wrong argument raises ValueError with the remedy."""
    with pytest.raises(ValueError, match=message):
        drop(*names, **arguments)
