"""The parameters of the queries that the collector answers.

Rules: the parameters, their defaults and their errors are those of Zipkin's API, version 2.
Source: openzipkin/zipkin-api, zipkin2-api.yaml; zipkin2.storage.QueryRequest, behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import NamedTuple

from ..model import canonical_trace_id

__all__ = [
    "TraceQuery",
    "Window",
    "check_not_empty",
    "read_trace_id",
    "read_trace_ids",
    "required",
]

DAY_MS = 86_400_000

_LOWER_HEX = re.compile("[0-9a-f]{1,32}", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d{1,40}")

# The numbers of a real server, and of SQLite, have 63 bits.
MAX_NUMBER = (1 << 63) - 1
MAX_LIMIT = (1 << 31) - 1

# As the name of a span it means no condition.
ALL = "all"

MAX_TERMS = 100


class Window(NamedTuple):
    """A time range for the begin of a trace, in microseconds."""

    begin_us: int
    end_us: int

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Window:
        """The window of `endTs` and `lookback`, which are in milliseconds; by default the last day."""
        end_ms = _positive(parameters, "endTs", int(time.time() * 1000))
        lookback_ms = _positive(parameters, "lookback", DAY_MS)
        return cls((end_ms - lookback_ms) * 1000, end_ms * 1000)


class TraceQuery(NamedTuple):
    """A search for traces; an empty field is no condition.

    Each condition must hold for some span of the trace; if a service is named, for some span of that service.  `terms` are
    pairs: the key of a tag or the text of an annotation, and the value of the tag or "".
    """

    window: Window
    service_name: str
    remote_service_name: str
    span_name: str
    terms: tuple[tuple[str, str], ...]
    min_duration_us: int
    max_duration_us: int
    limit: int

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> TraceQuery:
        """The query in the parameters; raises ValueError that names a wrong parameter."""
        min_duration_us = _positive(parameters, "minDuration", 0)
        max_duration_us = _positive(parameters, "maxDuration", 0)
        if max_duration_us and not min_duration_us:
            raise ValueError("maxDuration is only valid with minDuration")
        if max_duration_us and max_duration_us < min_duration_us:
            raise ValueError("maxDuration < minDuration")
        return cls(
            Window.of(parameters),
            parameters.get("serviceName", "").lower(),
            parameters.get("remoteServiceName", "").lower(),
            _span_name(parameters.get("spanName", "").lower()),
            _terms(parameters.get("annotationQuery", "")),
            min_duration_us,
            max_duration_us,
            _limit(parameters),
        )


def _terms(text: str) -> tuple[tuple[str, str], ...]:
    """The conditions in a text such as `error and http.method=GET`, all of which must hold."""
    if not text:
        return ()
    pairs = (term.partition("=") for term in text.split(" and ", MAX_TERMS - 1))
    return tuple((key.strip(), value.strip()) for key, _, value in pairs)


def required(parameters: Mapping[str, str], key: str) -> str:
    """The value of a parameter that has no default."""
    if key not in parameters:
        raise ValueError(f"the parameter {key} is missing")
    return parameters[key]


def _span_name(name: str) -> str:
    return "" if name == ALL else name


def _limit(parameters: Mapping[str, str]) -> int:
    check_not_empty(parameters, "limit")
    return _positive(parameters, "limit", 10, MAX_LIMIT)


def check_not_empty(parameters: Mapping[str, str], key: str) -> None:
    """Raises ValueError for a parameter that is empty; it may be absent."""
    if parameters.get(key) == "":
        raise ValueError(f"{key} is empty; give a value, or leave it out")


def _positive(parameters: Mapping[str, str], key: str, default: int, most: int = MAX_NUMBER) -> int:
    text = parameters.get(key, "")
    if not text:
        return default
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{key} is {text[:40]!r}; a whole number is expected")
    number = int(text)
    if number <= 0:
        raise ValueError(f"{key} <= 0")
    if number > most:
        raise ValueError(f"{key} is {text[:40]!r}; a number up to {most} is expected")
    return number


def read_trace_id(text: str) -> str:
    """A trace id in the length in which it is stored."""
    if not _LOWER_HEX.fullmatch(text) or not text.strip("0"):
        raise ValueError(f"{text[:40]} should be lower-hex encoded with no prefix, 1 to 32 characters, not zero")
    return canonical_trace_id(text)


def read_trace_ids(text: str) -> list[str]:
    """The ids of `traceIds`: at least two, without duplicates; of ids with the same low 64 bits (one trace) the first."""
    ids = [read_trace_id(each) for each in text.split(",")]
    if len(ids) < 2:
        raise ValueError("use /api/v2/trace/{traceId} to retrieve a single trace")
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            raise ValueError(f"redundant traceId: {each}")
        seen.add(each)
    traces: dict[str, str] = {}
    for each in ids:
        traces.setdefault(each[-16:], each)
    return list(traces.values())
