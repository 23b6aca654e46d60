"""Spans read back from the JSON that a store wrote itself.

Rules: nothing is checked or mended here, as `json_v2.encode` wrote it: three times faster than `json_v2.decode`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ...codec import json_v2
from ...model import Endpoint, FinishedSpan

__all__ = ["read_back"]


def read_back(encoded: Iterable[bytes]) -> list[FinishedSpan]:
    """Spans from their JSON objects, each written by `json_v2.encode`."""
    return [_span(fields) for fields in json.loads(json_v2.join(list(encoded)))]


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
