"""Our exporter and the deprecated ones, given the same spans, differ exactly in the points that the page lists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry.exporter.zipkin.json.v2 import JsonV2Encoder
from opentelemetry.exporter.zipkin.node_endpoint import NodeEndpoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from opentracing_zipkin.codec import json_v2, proto3
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.otel import mapping
from opentracing_zipkin.otel.exporter import Exporter
from opentracing_zipkin.testing import FakeSender

from .otel_spans import generated
from .processes import PROJECT

PAGE = (PROJECT / "docs" / "reference" / "opentelemetry-exporter.md").read_text("utf-8")

Fields = dict[str, Any]


class Difference(NamedTuple):
    """One row `name` of the page; `change` turns a field of the old exporter's JSON into ours."""

    name: str
    change: Callable[[Fields, ReadableSpan], None]


def _trace_id(old: Fields, span: ReadableSpan) -> None:
    if old["traceId"].startswith("0" * 16):
        old["traceId"] = old["traceId"][16:]


def _name(old: Fields, span: ReadableSpan) -> None:
    old["name"] = old["name"].lower()


def _no_name(old: Fields, span: ReadableSpan) -> None:
    if old["name"] == "":
        del old["name"]


def _no_kind(old: Fields, span: ReadableSpan) -> None:
    if old["kind"] is None:
        del old["kind"]


def _times(old: Fields, span: ReadableSpan) -> None:
    old["timestamp"] = span.start_time // 1000
    old["duration"] = span.end_time // 1000 - span.start_time // 1000
    for annotation, event in zip(old.get("annotations", ()), span.events, strict=True):
        annotation["timestamp"] = event.timestamp // 1000


def _duration(old: Fields, span: ReadableSpan) -> None:
    old["duration"] = max(1, old["duration"])


def _service_name(old: Fields, span: ReadableSpan) -> None:
    old["localEndpoint"]["serviceName"] = old["localEndpoint"]["serviceName"].lower()


def _debug(old: Fields, span: ReadableSpan) -> None:
    old.pop("debug", None)


def _remote(old: Fields, span: ReadableSpan) -> None:
    kind = None if span.kind is SpanKind.INTERNAL else span.kind.name
    own = str(span.resource.attributes.get("service.name", "unknown_service")).lower()
    end = mapping.endpoint_of(kind, dict(span.attributes), own)
    if end is not None:
        named = {"serviceName": end.service_name, "ipv4": end.ipv4, "ipv6": end.ipv6, "port": end.port}
        old["remoteEndpoint"] = {name: value for name, value in named.items() if value}


def _constant(old: Fields, span: ReadableSpan) -> None:
    for key in ("service.name", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"):
        old["tags"].pop(key, None)


def _conflict(old: Fields, span: ReadableSpan) -> None:
    if "shared.key" in span.attributes:
        old["tags"]["shared.key"] = span.attributes["shared.key"]


def _scope(old: Fields, span: ReadableSpan) -> None:
    for key in [key for key, value in old["tags"].items() if key.startswith(("otel.scope.", "otel.library.")) and not value]:
        del old["tags"][key]


def _scope_attributes(old: Fields, span: ReadableSpan) -> None:
    if span.instrumentation_scope is not None:
        old["tags"].update(span.instrumentation_scope.attributes)


def _no_error(old: Fields, span: ReadableSpan) -> None:
    if span.status.status_code is not StatusCode.ERROR:
        old["tags"].pop("error", None)


def _error(old: Fields, span: ReadableSpan) -> None:
    if span.status.status_code is StatusCode.ERROR and not span.status.description:
        said = span.attributes.get("error")
        exceptions = ["ValueError: no" for event in span.events if event.name == "exception"]
        text = said if said == "said" else "".join(exceptions[-1:]) or span.attributes.get("error.type", "")
        old["tags"]["error"] = text


def _special(old: Fields, span: ReadableSpan) -> None:
    for key, value in old["tags"].items():
        old["tags"][key] = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(value, value)


def _sequences(old: Fields, span: ReadableSpan) -> None:
    for key, value in span.attributes.items():
        if type(value) is tuple and key in old["tags"]:
            items = [item if item == item else "NaN" for item in value]
            old["tags"][key] = json.dumps(items, ensure_ascii=False)


def _bytes(old: Fields, span: ReadableSpan) -> None:
    for key, value in span.attributes.items():
        if value == b"bytes":
            old["tags"][key] = "Ynl0ZXM="


def _mappings(old: Fields, span: ReadableSpan) -> None:
    for key, value in span.attributes.items():
        if type(value) is dict:
            old["tags"][key] = '{"a": 1, "b": ["c"]}'


def _long(old: Fields, span: ReadableSpan) -> None:
    for key, value in old["tags"].items():
        old["tags"][key] = value[:8192]


def _events(old: Fields, span: ReadableSpan) -> None:
    for annotation, event in zip(old.get("annotations", ()), span.events, strict=True):
        attributes = json.dumps(dict(event.attributes), ensure_ascii=False)
        annotation["value"] = f"{json.dumps(event.name)}: {attributes}" if event.attributes else event.name


def _links(old: Fields, span: ReadableSpan) -> None:
    for link in span.links:
        ids = f"link: {link.context.trace_id:032x}/{link.context.span_id:016x}"
        text = f"{ids} {json.dumps(dict(link.attributes))}" if link.attributes else ids
        old.setdefault("annotations", []).append({"timestamp": span.start_time // 1000, "value": text})


DIFFERENCES = [
    Difference("trace ids of 64 bits", _trace_id),
    Difference("the span's name", _name),
    Difference("an empty name", _no_name),
    Difference("kind INTERNAL", _no_kind),
    Difference("parts of a microsecond", _times),
    Difference("a duration below 1 µs", _duration),
    Difference("the service's name", _service_name),
    Difference("`debug`", _debug),
    Difference("the remote endpoint", _remote),
    Difference("`service.name` and `telemetry.sdk.*` as tags", _constant),
    Difference("an attribute of the resource and of the span", _conflict),
    Difference("an empty name or version of a scope", _scope),
    Difference("attributes of a scope", _scope_attributes),
    Difference("an attribute `error` without status ERROR", _no_error),
    Difference("status ERROR without description", _error),
    Difference("`NaN` and infinities", _special),
    Difference("sequences", _sequences),
    Difference("bytes", _bytes),
    Difference("mappings", _mappings),
    Difference("values over 8,192 characters", _long),
    Difference("events", _events),
    Difference("links", _links),
]
# Differences that proto3 or its decoder cannot show: an id has 16 bytes, empty fields are not written, names are lowered.
NOT_IN_PROTO = {"trace ids of 64 bits", "an empty name", "kind INTERNAL", "the span's name", "the service's name"}
# Differences between whole exporters, which a single span does not show.
OF_EXPORTERS = {"this service's address", "spans of several resources in one batch", "`max_tag_value_length` and sequences"}


def _ours(encoding: str, spans: list[Any]) -> list[bytes]:
    """The messages of our exporter, one for each span."""
    sender = FakeSender()
    exporter = Exporter(sender=sender, encoding=encoding, local_ip="10.1.2.3", local_port=80)
    for span in spans:
        exporter.export([span])
        assert exporter.force_flush(), exporter.stats
    exporter.shutdown()
    return sender.bodies


def _node(service_name: str) -> NodeEndpoint:
    node = NodeEndpoint("10.1.2.3", None, 80)
    node.service_name = service_name
    return node


def _old_json(span: ReadableSpan) -> Fields:
    [fields] = json.loads(JsonV2Encoder(None).serialize([span], _node("Shop")))
    found: Fields = fields
    return found


def test_json_differs_in_what_the_page_lists_and_in_nothing_else() -> None:
    """For hundreds of spans the JSON differs in the listed points only, and each difference occurs."""
    spans = generated()
    seen: set[str] = set()
    for span, body in zip(spans, _ours("json", spans), strict=True):
        old = _old_json(span)
        for difference in DIFFERENCES:
            before = json.dumps(old, sort_keys=True)
            difference.change(old, span)
            if before != json.dumps(old, sort_keys=True):
                seen.add(difference.name)
        [ours] = json.loads(body)

        assert old == ours

    assert {difference.name for difference in DIFFERENCES} == seen


def test_proto3_differs_in_the_same() -> None:
    """In proto3 the deprecated encoder's spans, read by our decoder and changed in the same way, are equal to ours."""
    environment = {**os.environ, "PYTHONPATH": str(Path(sys.prefix) / "protobuf3")}
    command = [sys.executable, "-W", "ignore", "-m", "tests.interop.apps.old_proto"]
    printed = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert 0 == printed.returncode, printed.stderr
    spans = generated()
    olds = printed.stdout.split()
    seen: set[str] = set()
    for span, old_bytes, our_bytes in zip(spans, olds, _ours("proto3", spans), strict=True):
        # The old encoder raises for a span that ends before it starts, and then its whole batch is lost.
        assert (old_bytes == "!") is (span.end_time + 500 < span.start_time)
        if old_bytes == "!":
            continue
        [old] = json.loads(_as_json(b64decode(old_bytes)))
        old = {"name": "", "kind": None, "tags": {}, **old}
        if "duration" not in old:
            old["duration"] = 0
        for difference in DIFFERENCES:
            before = json.dumps(old, sort_keys=True)
            difference.change(old, span)
            if before != json.dumps(old, sort_keys=True):
                seen.add(difference.name)
        [ours] = json.loads(_as_json(our_bytes))

        old.get("annotations", []).sort(key=lambda one: (one["timestamp"], one["value"]))  # the decoder sorts them, too

        assert {key: value for key, value in old.items() if value} == ours

    assert {difference.name for difference in DIFFERENCES} - NOT_IN_PROTO <= seen


def _as_json(body: bytes) -> bytes:
    spans: list[FinishedSpan] = proto3.decode(body)
    return json_v2.join([json_v2.encode(span) for span in spans])


def test_the_page_lists_exactly_these_differences() -> None:
    """Each row of the page's table is one of these differences, and each of them has a row."""
    rows = re.findall(r"^\| ([^|]+?) \| [^|]+ \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)[1:]

    assert [difference.name for difference in DIFFERENCES] == [row for row in rows if row not in OF_EXPORTERS]
    assert OF_EXPORTERS == {row for row in rows if row not in {difference.name for difference in DIFFERENCES}}


def test_a_batch_of_several_resources() -> None:
    """The deprecated exporter gives all spans of a batch the first span's service name; ours gives each its own."""
    spans = [ReadableSpan(name, resource=Resource({"service.name": name}), **_usual(name)) for name in ("a", "b")]
    sender = FakeSender()
    exporter = Exporter(sender=sender)
    exporter.export(spans)
    assert exporter.force_flush()
    exporter.shutdown()

    assert ["a", "b"] == [span.local.service_name for span in json_v2.decode(sender.bodies[0]) if span.local]
    assert ["a", "a"] == [
        fields["localEndpoint"]["serviceName"] for fields in json.loads(JsonV2Encoder(None).serialize(spans, _node("a")))
    ]


@pytest.mark.parametrize(("old", "ours"), [(JsonV2Encoder, 20)])
def test_a_sequence_that_is_too_long(old: Any, ours: int) -> None:
    """For a long sequence the deprecated exporter leaves out items to keep valid JSON; ours cuts it like any other text."""
    span = ReadableSpan("get", resource=Resource({}), attributes={"list": ("abc",) * 9}, **_usual("get"))
    sender = FakeSender()
    exporter = Exporter(sender=sender, max_tag_length=ours)
    exporter.export([span])
    assert exporter.force_flush()
    exporter.shutdown()

    assert '["abc", "abc", "abc"' == json.loads(sender.bodies[0])[0]["tags"]["list"]
    assert '["abc","abc","abc"]' == json.loads(old(ours).serialize([span], _node("a")))[0]["tags"]["list"]


def _usual(name: str) -> dict[str, Any]:
    [span] = generated(1)
    return {"context": span.context, "start_time": span.start_time, "end_time": span.end_time}
