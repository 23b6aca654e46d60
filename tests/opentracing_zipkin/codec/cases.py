"""The cases of `conformance/spans.json`, for tests: spans, and their bytes in each encoding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["CASES", "Case", "Json", "span_of"]

Json = dict[str, Any]

CONFORMANCE = Path(__file__).parents[3] / "conformance" / "spans.json"


class Case(NamedTuple):
    """A span in one encoding: the body of a POST, and the spans that a reader makes of it."""

    name: str
    encoding: str
    span: Json
    body: bytes
    reads_as: list[Json]


def _cases() -> list[Case]:
    found = []
    for case in json.loads(CONFORMANCE.read_text("utf-8"))["cases"]:
        for encoding in ("json", "json_v1", "thrift", "proto3"):
            written = case[encoding]
            body = written.encode() if encoding.startswith("json") else bytes.fromhex(written)
            found.append(
                Case(case["name"], encoding, case["span"], body, case.get("reads_as", {}).get(encoding, [case["span"]]))
            )
    return found


CASES = _cases()


def span_of(fields: Json) -> FinishedSpan:
    """The span in JSON v2, read in the simplest way."""
    return FinishedSpan(
        fields["traceId"],
        fields["id"],
        fields.get("parentId"),
        fields.get("kind"),
        fields.get("name", ""),
        fields.get("timestamp", 0),
        fields.get("duration", 0),
        _endpoint_of(fields.get("localEndpoint")),
        _endpoint_of(fields.get("remoteEndpoint")),
        [(each["timestamp"], each["value"]) for each in fields.get("annotations", ())],
        dict(fields.get("tags", {})),
        fields.get("debug", False),
        fields.get("shared", False),
    )


def _endpoint_of(fields: Json | None) -> Endpoint | None:
    if fields is None:
        return None
    return Endpoint(fields.get("serviceName", ""), fields.get("ipv4", ""), fields.get("ipv6", ""), fields.get("port", 0))
