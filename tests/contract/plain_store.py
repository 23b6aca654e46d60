"""Spans and searches for the tests of the stores, and a plain implementation of each search to compare with."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.collector.query import TraceQuery, Window
from opentracing_zipkin.collector.stores import Store
from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["ALL", "PlainStore", "began_in", "many_spans", "names_of", "queries", "span", "spans"]

ALL = Window(0, 10**12)
TIMES = (0, 1, 5, 5, 7, 100, 10**9)
WORDS = ("", "a", "b", "get /", "ü")
LOW = "00000000000000"


endpoints = st.none() | st.builds(Endpoint, st.sampled_from(WORDS), st.just("10.0.0.1"), st.just(""), st.just(80))
spans = st.builds(
    FinishedSpan,
    st.sampled_from([high + LOW + low for high in ("", "1" * 16) for low in ("01", "02", "03", "0a")]),
    st.sampled_from(["1".zfill(16), "2".zfill(16)]),
    st.none() | st.just("1".zfill(16)),
    st.sampled_from([None, "CLIENT", "SERVER"]),
    st.sampled_from(WORDS),
    st.sampled_from(TIMES),
    st.sampled_from((0, 1, 2, 3, 1000, 1023, 1024)),
    endpoints,
    endpoints,
    st.lists(st.tuples(st.just(1), st.sampled_from(WORDS[1:])), max_size=2),
    st.dictionaries(st.sampled_from(("k", "a", "http.method")), st.sampled_from(WORDS), max_size=3),
)
queries = st.builds(
    TraceQuery,
    st.builds(Window, st.sampled_from((0, 2, 5)), st.sampled_from((4, 5, 10**12))),
    st.sampled_from(WORDS),
    st.sampled_from(WORDS),
    st.sampled_from(WORDS),
    st.lists(st.tuples(st.sampled_from(("k", "a", "http.method")), st.sampled_from(WORDS)), max_size=2).map(tuple),
    st.sampled_from((0, 2, 1000)),
    st.sampled_from((0, 1023)),
    st.integers(1, 4),
)


class PlainStore:
    """A plain store: every span is in a list, and every search reads them all."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[bytes, FinishedSpan]] = {}

    def add(self, added: list[FinishedSpan]) -> None:
        for span in added:
            self.kept.setdefault(span.trace_id[-16:], {}).setdefault(json_v2.encode(span), span)

    def traces(self) -> list[list[FinishedSpan]]:
        return [list(trace.values()) for trace in self.kept.values()]

    def find(self, asked: TraceQuery) -> list[list[bytes]]:
        """The traces that match, the latest first."""
        found = sorted((trace for trace in self.traces() if is_match(asked, trace)), key=begin_of, reverse=True)
        return [list(map(json_v2.encode, trace)) for trace in found[: asked.limit]]

    def names(self) -> list[list[str]]:
        """The services, the names and the remote services of each service's spans, and the values of two tags."""
        spans = [span for trace in self.traces() for span in trace]
        services = [service for service in (*WORDS, "web") if service]
        of_services = [_of_service(spans, service) for service in services]
        return [
            sorted({span.local.service_name for span in spans if span.local} - {""}),
            *(sorted({span.name for span in own} - {""}) for own in of_services),
            *(sorted(_remote_names(own)) for own in of_services),
            self.values("k"),
            self.values("http.method"),
        ]

    def values(self, key: str) -> list[str]:
        return sorted({span.tags[key] for trace in self.traces() for span in trace if key in span.tags})


def begin_of(trace: list[FinishedSpan]) -> int:
    """The begin of a trace: the root's timestamp, else the earliest one; 0 where no span has a timestamp."""
    timed = [span for span in trace if span.timestamp_us]
    roots = [span.timestamp_us for span in timed if span.parent_id is None]
    return roots[0] if roots else min((span.timestamp_us for span in timed), default=0)


def began_in(window: Window, trace: list[FinishedSpan]) -> bool:
    """Whether a trace began in the window."""
    return begin_of(trace) > 0 and window.begin_us <= begin_of(trace) <= window.end_us


def is_match(asked: TraceQuery, trace: list[FinishedSpan]) -> bool:
    """Whether every condition holds for some span; only spans of the service count if one is named."""
    spans = _of_service(trace, asked.service_name) if asked.service_name else trace
    return (
        began_in(asked.window, trace)
        and bool(spans)
        and (not asked.span_name or any(span.name == asked.span_name for span in spans))
        and (not asked.remote_service_name or asked.remote_service_name in _remote_names(spans))
        and all(any(_has_term(span, key, value) for span in spans) for key, value in asked.terms)
        and (not asked.min_duration_us or any(_has_duration(asked, span) for span in spans))
    )


def _of_service(spans: list[FinishedSpan], service: str) -> list[FinishedSpan]:
    return [span for span in spans if span.local is not None and span.local.service_name == service]


def _remote_names(spans: list[FinishedSpan]) -> set[str]:
    return {span.remote.service_name for span in spans if span.remote} - {""}


def _has_term(span: FinishedSpan, key: str, value: str) -> bool:
    if value:
        return span.tags.get(key) == value
    return key in span.tags or any(text == key for _, text in span.annotations)


def _has_duration(asked: TraceQuery, span: FinishedSpan) -> bool:
    return asked.min_duration_us <= span.duration_us <= (asked.max_duration_us or span.duration_us)


def names_of(store: Store) -> list[list[str]]:
    """The names that a store lists, in the order of `PlainStore.names`."""
    of_services = [
        names(service) for names in (store.span_names, store.remote_service_names) for service in (*WORDS, "web") if service
    ]
    return [store.service_names(), *of_services, store.tag_values("k"), store.tag_values("http.method")]


def many_spans(count: int) -> list[FinishedSpan]:
    """Spans in traces of two, with one tag that all have, one that many share, and one with mostly different values."""
    chance = random.Random(17)
    return [
        FinishedSpan(
            f"{number // 2 + 1:016x}",
            f"{number + 1:016x}",
            None if number % 2 else "1".zfill(16),
            name=f"get /{chance.randrange(20)}",
            timestamp_us=chance.randrange(1, 10**6),
            duration_us=chance.randrange(1, 10**5),
            local=Endpoint(chance.choice(("web", "db", "a"))),
            remote=Endpoint(chance.choice(("web", "db"))),
            annotations=[(1, f"note {chance.randrange(3)}")],
            tags={"http.method": chance.choice(("GET", "POST")), "user": str(chance.randrange(count)), "k": str(number % 7)},
        )
        for number in range(count)
    ]


def span(trace: str, span_id: str = "1", **fields: object) -> FinishedSpan:
    made = FinishedSpan(trace.zfill(16), span_id.zfill(16), timestamp_us=10, local=Endpoint("web"))
    for name, value in fields.items():
        setattr(made, name, value)
    return made
