"""The numbers, the tables and the example of the page about spans are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy

from opentracing_zipkin import Endpoint, FinishedSpan, ZipkinTracer, pruning, span, text
from opentracing_zipkin.testing import InMemoryRecorder

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "spans.md").read_text("utf-8")


def tags_of(**tags: Any) -> dict[str, str]:
    recorder = InMemoryRecorder()
    ZipkinTracer("service", recorder=recorder).start_trace("x", tags=tags).finish()
    return recorder.spans[-1].tags


def test_the_limits_are_those_of_the_code() -> None:
    """The page has the limits of the code for tags, annotations, keys, fields and arrays."""
    assert f"cut at {text.MAX_KEY_LENGTH} characters" in PAGE
    assert f"at most {span.MAX_TAGS} tags and {span.MAX_ANNOTATIONS} annotations" in PAGE
    assert f"at most {text.MAX_ENTRIES} fields" in PAGE
    assert f"more than {text.MAX_ARRAY} items" in PAGE
    assert "2262" == str(1970 + int(span.MAX_SECONDS / 86400 / 365.2425))
    assert f"first {pruning.MAX_CONTAINERS} lists and dicts inside a value are looked into, {pruning.MAX_DEPTH} deep" in PAGE


def test_the_table_of_values_is_true() -> None:
    """Each row of the table of values is confirmed by an example."""
    sent = tags_of(
        t=True, i=1, n=None, b=b"\xff", d={"a": [1]}, s={1}, e=ValueError("x"), c=ValueError, error=numpy.bool_(False)
    )

    assert {
        "t": "true",
        "i": "1",
        "b": "\ufffd",
        "d": '{"a": [1]}',
        "s": "{1}",
        "e": "ValueError: x",
        "c": "ValueError",
    } == sent


def test_every_field_that_a_handler_may_spoil_is_named() -> None:
    """The last table has every field of FinishedSpan."""
    table = PAGE.partition("## What handlers leave")[2]

    assert set(FinishedSpan.__slots__) == {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}  # fmt: skip


def test_the_example_sends_what_is_said_of_it() -> None:
    """The example sends a span with the name, the services and the tag of the page, and without an error."""
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    recorder = InMemoryRecorder()
    exec(example.replace('"checkout", ', '"checkout", recorder=recorder, '), {"recorder": recorder})
    [sent] = recorder.spans

    assert ("get", {"items": '["ring", {"size": 7}]'}) == (sent.name, sent.tags)
    assert (Endpoint("checkout", "192.0.2.1"), Endpoint("db.example", "", "", 5432)) == (sent.local, sent.remote)
