"""JSON v1: written as the official codec does, read as a real server does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.codec import json_v1
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .strategies import finished_spans

HOST = {"serviceName": "Web"}
WEB = Endpoint("web")


def read(**fields: Any) -> FinishedSpan:
    """The span in a list with only this span: these fields, and the fields that are required."""
    (only,) = json_v1.decode(json.dumps([{"traceId": "1", "id": "2", **fields}]).encode())
    return only


def tag(value: Any, key: Any = "k", **fields: Any) -> dict[str, Any]:
    return {"key": key, "value": value, "endpoint": HOST, **fields}


@given(st.lists(finished_spans(), max_size=3))
def test_reads_what_it_writes(spans: list[FinishedSpan]) -> None:
    """Any spans survive writing and reading in JSON v1."""
    body = json_v1.join([json_v1.encode(span) for span in spans])
    for span in spans:
        span.annotations.sort()

    assert spans == json_v1.decode(body)


@given(finished_spans())
def test_what_is_written_is_json(span: FinishedSpan) -> None:
    """Every annotation and tag carries the host, and Python's strict parser reads the JSON."""
    written = json.loads(json_v1.encode(span))
    everything = written.get("annotations", []) + written.get("binaryAnnotations", [])

    assert everything
    assert all("serviceName" in item["endpoint"] for item in everything)


@pytest.mark.parametrize(
    ("written", "tags", "remote"),
    [
        (tag("v"), {"k": "v"}, None),
        (tag(""), {"k": ""}, None),
        (tag("v", key=5), {"5": "v"}, None),
        (tag("v", type="I64"), {"k": "v"}, None),
        (tag("v", endpoint=None), {"k": "v"}, None),
        (tag(5), {}, None),
        (tag(True), {}, None),
        (tag(None), {}, None),
        (tag({"a": 1}), {}, None),
        (tag([1]), {}, None),
        (tag(True, key="sa"), {}, WEB),
        (tag("1", key="sa"), {}, WEB),
        (tag(False, key="sa"), {}, None),
        (tag(1, key="sa"), {}, None),
        (tag(True, key="sa", endpoint=None), {}, None),
        (tag("1", key="sa", endpoint={}), {}, None),
    ],
)
def test_a_binary_annotation_is_a_tag_or_an_address_or_nothing(
    written: dict[str, Any], tags: dict[str, str], remote: Endpoint | None
) -> None:
    """Text is a tag; true or text under sa, ca or ma is an address if it has a host; all other values are left out silently."""
    span = read(binaryAnnotations=[written])

    assert (tags, remote) == (span.tags, span.remote)


def test_ids_names_and_times_are_read_as_in_version_2() -> None:
    """Ids are padded, names lower-cased, times whole numbers in any notation; zero and less mean unknown."""
    span = read(parentId=3, name="GET", timestamp="5", duration=-1, debug=True)

    assert ("0" * 15 + "1", "0" * 15 + "2", "0" * 15 + "3") == (span.trace_id, span.span_id, span.parent_id)
    assert ("get", 5, 0, True) == (span.name, span.timestamp_us, span.duration_us, span.debug)
    assert (None, "") == (read(parentId="2").parent_id, read(name=None).name)


def test_annotations_may_be_old_or_empty() -> None:
    """An annotation is kept whatever its time, even if its text is empty."""
    annotations = [{"timestamp": at, "value": value} for at, value in ((5, ""), (0, "x"), (-5, 7))]

    assert [(-5, "7"), (0, "x"), (5, "")] == read(annotations=annotations).annotations


@pytest.mark.parametrize("body", [b"", b"[]", b"[ ]", b"\n[]", b"[] whatever"])
def test_nothing_is_no_fault(body: bytes) -> None:
    """An empty list, or an empty body, holds no spans."""
    assert [] == json_v1.decode(body)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"traceId": "ABC"}, r'^\$\[0\].traceId is "ABC"; it should be lower-hex'),
        ({"id": "0"}, r"^\$\[0\].id is"),
        ({"name": True}, r"^\$\[0\].name is true; a string is expected"),
        ({"timestamp": 1.5}, r"^\$\[0\].timestamp is 1.5; a whole number"),
        ({"debug": "true"}, r"^\$\[0\].debug is"),
        ({"annotations": {}}, r"^\$\[0\].annotations is {}; a list is expected"),
        ({"annotations": [None]}, r"^\$\[0\].annotations\[0\] is null"),
        ({"annotations": [{"timestamp": 1, "value": None}]}, r"^\$\[0\].annotations\[0\] is"),
        ({"annotations": [{"timestamp": 1, "value": "a", "endpoint": 1}]}, r"^\$\[0\].annotations\[0\].endpoint is 1"),
        ({"binaryAnnotations": {}}, r"^\$\[0\].binaryAnnotations is"),
        ({"binaryAnnotations": [1]}, r"^\$\[0\].binaryAnnotations\[0\] is 1; an object is expected"),
        ({"binaryAnnotations": [{"value": "v"}]}, r"^\$\[0\].binaryAnnotations\[0\].key is missing"),
        ({"binaryAnnotations": [tag("v", endpoint={"port": 70000})]}, r"\.endpoint.port is 70000"),
        ({"binaryAnnotations": [tag("v", key="tags")]}, 'got version 2 \\("tags" is in it\\)'),
        ({"localEndpoint": {}}, 'got version 2 \\(Endpoint" is in it\\)'),
    ],
)
def test_a_wrong_value_is_named_with_its_place(fields: dict[str, Any], reason: str) -> None:
    """One wrong value refuses the list; the reason shows the value and its place."""
    with pytest.raises(ValueError, match=reason):
        read(**fields)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_anywhere_is_read_or_refused(value: Any) -> None:
    """No value makes the reader raise anything but ValueError."""
    for field in ("traceId", "name", "timestamp", "annotations", "binaryAnnotations", "debug"):
        for written in (
            value,
            [{"key": "k", "value": value, "endpoint": {"ipv4": value}}],
            [{"timestamp": value, "value": value}],
        ):
            try:
                read(**{field: written})
            except ValueError:
                continue
