"""Spans read back from JSON that a store wrote.

Rules: nothing is checked or mended here, because `json_v2.encode` wrote the JSON.  This is three times as fast as
`json_v2.decode`.  If a file was damaged, the spans that cannot be read are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ...codec import json_v2
from ...log import log
from ...model import Endpoint, FinishedSpan
from ...text import printable

__all__ = ["read_back"]

# The errors of text that is no JSON, and of JSON that is no span.
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def read_back(encoded: Iterable[bytes]) -> list[FinishedSpan]:
    """Spans from their JSON objects, each written by `json_v2.encode`."""
    spans = list(encoded)
    try:
        return [_span(fields) for fields in json.loads(json_v2.join(spans))]
    except _DAMAGED:
        return list(_readable(spans))


def _readable(encoded: Iterable[bytes]) -> Iterator[FinishedSpan]:
    """Decode each span with checks, because a damaged text may still be JSON."""
    for one in encoded:
        try:
            yield from json_v2.decode(json_v2.join([one]))
        except _DAMAGED:
            log.warning("zipkin: a span in the store is damaged and left out: %s", printable(repr(one), 100))


def _span(fields: dict[str, Any]) -> FinishedSpan:
    get = fields.get
    return FinishedSpan(
        fields["traceId"],
        fields["id"],
        get("parentId"),
        get("kind"),
        get("name", ""),
        get("timestamp", 0),
        get("duration", 0),
        _endpoint(get("localEndpoint")),
        _endpoint(get("remoteEndpoint")),
        [(each["timestamp"], each["value"]) for each in get("annotations", ())],
        get("tags"),
        get("debug", False),
        get("shared", False),
    )


def _endpoint(fields: dict[str, Any] | None) -> Endpoint | None:
    if fields is None:
        return None
    get = fields.get
    return Endpoint(get("serviceName", ""), get("ipv4", ""), get("ipv6", ""), get("port", 0))
