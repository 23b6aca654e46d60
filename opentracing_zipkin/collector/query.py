"""The queries that the collector answers: names, and traces that match.

Rules: the parameters, their defaults and their errors are those of Zipkin's API, version 2.  So is the matching: each condition
must hold for some span of the trace; if the query names a service, for some span of that service.
Source: openzipkin/zipkin-api, zipkin2-api.yaml; zipkin2.storage.QueryRequest, behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ..model import FinishedSpan, canonical_trace_id

__all__ = [
    "TraceQuery",
    "Window",
    "check_not_empty",
    "find",
    "read_trace_id",
    "read_trace_ids",
    "remote_service_names",
    "required",
    "service_names",
    "span_names",
]

DAY_MS = 86_400_000

Trace: TypeAlias = Sequence[FinishedSpan]

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

    def holds(self, spans: Trace) -> bool:
        """Whether a trace began in the window."""
        return self.begin_us <= begin_of(spans) <= self.end_us and begin_of(spans) > 0


class TraceQuery(NamedTuple):
    """A search for traces; an empty field is no condition.

    `terms` are pairs: the key of a tag or the text of an annotation, and the value of the tag or "".
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

    def matches(self, spans: Trace) -> bool:
        """Whether every condition holds for some span; only spans of the service count if one is named."""
        if not self.window.holds(spans):
            return False
        if self.service_name:
            spans = [span for span in spans if span.local is not None and span.local.service_name == self.service_name]
        return (
            bool(spans)
            and (not self.span_name or any(span.name == self.span_name for span in spans))
            and (not self.remote_service_name or self.remote_service_name in _remote_names(spans))
            and all(any(_has(span, key, value) for span in spans) for key, value in self.terms)
            and (not self.min_duration_us or any(self._lasts(span) for span in spans))
        )

    def _lasts(self, span: FinishedSpan) -> bool:
        return self.min_duration_us <= span.duration_us <= (self.max_duration_us or span.duration_us)


def _has(span: FinishedSpan, key: str, value: str) -> bool:
    if value:
        return span.tags.get(key) == value
    return key in span.tags or any(text == key for _, text in span.annotations)


def _terms(text: str) -> tuple[tuple[str, str], ...]:
    """The conditions in a text such as `error and http.method=GET`, all of which must hold."""
    if not text:
        return ()
    pairs = (term.partition("=") for term in text.split(" and ", MAX_TERMS - 1))
    return tuple((key.strip(), value.strip()) for key, _, value in pairs)


def begin_of(spans: Trace) -> int:
    """The begin of a trace: the root's timestamp, else the earliest one; 0 where no span has a timestamp."""
    timed = [span for span in spans if span.timestamp_us]
    roots = [span.timestamp_us for span in timed if span.parent_id is None]
    return roots[0] if roots else min((span.timestamp_us for span in timed), default=0)


def find(traces: Iterable[Trace], query: TraceQuery) -> list[Trace]:
    """The matching traces, the latest first, at most as many as the limit.

    This is the simple search; tests compare the search of the stores with it.
    """
    found = [trace for trace in traces if query.matches(trace)]
    found.sort(key=begin_of, reverse=True)
    return found[: query.limit]


def service_names(traces: Iterable[Trace]) -> list[str]:
    """The services that sent spans."""
    return sorted({span.local.service_name for trace in traces for span in trace if span.local} - {""})


def span_names(traces: Iterable[Trace], service_name: str) -> list[str]:
    """The names of a service's spans."""
    return sorted({span.name for span in _of_service(traces, service_name)} - {""})


def remote_service_names(traces: Iterable[Trace], service_name: str) -> list[str]:
    """The names of services that a service's spans have as their remote endpoint."""
    return sorted(_remote_names(_of_service(traces, service_name)))


def _of_service(traces: Iterable[Trace], service_name: str) -> Iterable[FinishedSpan]:
    name = service_name.lower()
    return (span for trace in traces for span in trace if span.local and span.local.service_name == name)


def _remote_names(spans: Iterable[FinishedSpan]) -> set[str]:
    return {span.remote.service_name for span in spans if span.remote} - {""}


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
