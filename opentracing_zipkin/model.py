"""The span as Zipkin keeps it.

Rules: every other file may import this one, so it imports nothing of ours.  Texts are str, ids are lower-hex, times are
integers in µs.
Source: openzipkin/zipkin-api, zipkin2-api.yaml.
"""

from __future__ import annotations

import copyreg
import socket
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["Endpoint", "FinishedSpan", "TakenBefore", "canonical_trace_id", "parse_ip"]

MAX_KEPT_ADDRESS_LENGTH = 80  # an address has at most 45, and brackets or a zone; a longer text is not worth keeping


class Endpoint(NamedTuple):
    """A network context of a node in the service graph; an empty field is unknown.

    Hashable, so that its encoded form can be kept.  `ipv4` and `ipv6` are literals, `port` is 1 to 65535.
    """

    service_name: str = ""
    ipv4: str = ""
    ipv6: str = ""
    port: int = 0


class FinishedSpan:
    """One span as it is sent: an encoder writes it, and a decoder reads it.

    Owned by the reporter's thread, so a span handler may change any field.  `name` is "" and `timestamp_us`, `duration_us` are
    0 where unknown; `parent_id`, `kind`, `local`, `remote` are None where absent.
    """

    __slots__ = (
        "annotations",
        "debug",
        "duration_us",
        "kind",
        "local",
        "name",
        "parent_id",
        "remote",
        "shared",
        "span_id",
        "tags",
        "timestamp_us",
        "trace_id",
    )

    trace_id: str
    span_id: str
    parent_id: str | None
    kind: str | None
    name: str
    timestamp_us: int
    duration_us: int
    local: Endpoint | None
    remote: Endpoint | None
    annotations: list[tuple[int, str]]
    tags: dict[str, str]
    debug: bool
    shared: bool

    def __init__(
        self,
        trace_id: str,
        span_id: str,
        parent_id: str | None = None,
        kind: str | None = None,
        name: str = "",
        timestamp_us: int = 0,
        duration_us: int = 0,
        local: Endpoint | None = None,
        remote: Endpoint | None = None,
        annotations: list[tuple[int, str]] | None = None,
        tags: dict[str, str] | None = None,
        debug: bool = False,
        shared: bool = False,
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.kind = kind
        self.name = name
        self.timestamp_us = timestamp_us
        self.duration_us = duration_us
        self.local = local
        self.remote = remote
        self.annotations = [] if annotations is None else annotations
        self.tags = {} if tags is None else tags
        self.debug = debug
        self.shared = shared

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FinishedSpan):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in FinishedSpan.__slots__)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __reduce__(self) -> tuple[Any, ...]:
        # The oldest protocols of pickle do not handle slots by themselves.
        fields = {field: getattr(self, field) for field in FinishedSpan.__slots__}
        return copyreg.__newobj__, (type(self),), (None, fields)  # type: ignore[attr-defined]  # pickle's own

    def __repr__(self) -> str:
        fields = ", ".join(f"{field}={getattr(self, field)!r}" for field in FinishedSpan.__slots__)
        return f"FinishedSpan({fields})"


class TakenBefore(Exception):
    """The error for a span that was recorded twice and has been taken before."""


def canonical_trace_id(digits: str) -> str:
    """A trace id of 1 to 32 lower-hex digits, not zero, with 16 or 32 digits.

    A 128-bit id whose high half is zero is a 64-bit id that was padded on the way.
    """
    significant = digits.lstrip("0")
    return significant.zfill(16 if len(significant) <= 16 else 32)


def parse_ip(text: str) -> tuple[str, str]:
    """(IPv4, "") or ("", IPv6) in canonical spelling; ("", "") where the text is no literal.

    An IPv4-mapped IPv6 address becomes an IPv4 address, as in the server.  Brackets and a zone are removed.
    """
    return _parse_kept(text) if len(text) <= MAX_KEPT_ADDRESS_LENGTH else _parse(text)


def _parse(text: str) -> tuple[str, str]:
    literal = text.strip("[]").partition("%")[0]
    try:
        if ":" not in literal:
            return socket.inet_ntoa(socket.inet_pton(socket.AF_INET, literal)), ""
        packed = socket.inet_pton(socket.AF_INET6, literal)
    except (OSError, ValueError):
        return "", ""
    if packed.startswith(b"\0" * 10 + b"\xff\xff"):
        return socket.inet_ntoa(packed[12:]), ""
    return "", socket.inet_ntop(socket.AF_INET6, packed)


_parse_kept = lru_cache(maxsize=4096)(_parse)
