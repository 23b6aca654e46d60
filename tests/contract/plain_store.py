"""Spans and searches for the tests of the stores, and a plain implementation of each search to compare with."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.collector import query
from opentracing_zipkin.collector.query import TraceQuery, Window
from opentracing_zipkin.collector.stores import Store
from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["ALL", "PlainStore", "many_spans", "names_of", "queries", "span", "spans"]

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
        return [list(map(json_v2.encode, trace)) for trace in query.find(self.traces(), asked)]

    def names(self) -> list[list[str]]:
        of_services = [
            names(self.traces(), service)
            for names in (query.span_names, query.remote_service_names)
            for service in (*WORDS, "web")
            if service
        ]
        return [query.service_names(self.traces()), *of_services, self.values("k"), self.values("http.method")]

    def values(self, key: str) -> list[str]:
        return sorted({span.tags[key] for trace in self.traces() for span in trace if key in span.tags})


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
