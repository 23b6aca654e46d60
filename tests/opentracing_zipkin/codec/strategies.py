"""Spans of every kind that the tracer finishes, which a codec must write and read back unchanged.

Rules: a strategy is built once, because building it in each example would take as long as all the rest of the example.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from opentracing_zipkin.codec.v1 import ADDRESSES, CORE_VALUES, LOCAL_COMPONENT
from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["endpoints", "finished_spans", "texts"]

# UTF-8 has no lone surrogates, and two separators are replaced on purpose (see json_v2).
_LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\u2028\u2029")

_NAMES = ["checkout", "get /api", "größe", "日本"]
# Other names than the local ones, because version 1 drops the name of a remote that equals the server's.
_REMOTE_NAMES = ["backend", "kafka", "мост"]
# Version 1 uses these as marks, so it cannot carry them as annotations or tags.
_RESERVED = CORE_VALUES | ADDRESSES | {LOCAL_COMPONENT}


def texts(max_size: int = 20) -> st.SearchStrategy[str]:
    """Any text that UTF-8 can carry, except the marks of version 1."""
    return st.text(_LETTERS, max_size=max_size).filter(lambda text: text not in _RESERVED)


def _ids(length: int) -> st.SearchStrategy[str]:
    return st.integers(1, (1 << 4 * length) - 1).map(lambda number: f"{number:0{length}x}")


_KINDS = st.sampled_from([None, "CLIENT", "SERVER", "PRODUCER", "CONSUMER"])
_SPAN_IDS = _ids(16)
_PARENT_IDS = st.none() | _SPAN_IDS
_TRACE_IDS = _SPAN_IDS | st.tuples(_SPAN_IDS, _SPAN_IDS).map("".join)
_SPAN_NAMES = st.sampled_from(["", *_NAMES])
_BEGINS_US = st.integers(1_400_000_000_000_000, 2_000_000_000_000_000)
_DURATIONS_US = st.integers(1, 10_000_000_000)
_ANNOTATIONS = st.lists(st.tuples(st.integers(-10, 1000), texts()), max_size=4, unique=True)  # µs since the span's begin
_TAGS = st.dictionaries(texts(), texts(), max_size=5)
_BOOLEANS = st.booleans()


def endpoints(names: Sequence[str] = _NAMES) -> st.SearchStrategy[Endpoint]:
    """An endpoint with a service name, which every local endpoint has."""
    return st.builds(
        Endpoint,
        st.sampled_from(names),
        st.just("") | st.ip_addresses(v=4).map(str).filter(lambda ip: ip != "0.0.0.0"),
        st.just("") | st.sampled_from(["2001:db8::c001", "fe80::1", "::1"]),
        st.just(0) | st.integers(1, 65535),
    )


_LOCALS = endpoints()
_REMOTES = st.none() | endpoints(_REMOTE_NAMES)


@st.composite
def finished_spans(draw: st.DrawFn) -> FinishedSpan:
    """A span with times and a local endpoint; annotations and tags in any order; only a server span may be shared."""
    kind = draw(_KINDS)
    trace_id, span_id, parent_id = draw(_TRACE_IDS), draw(_SPAN_IDS), draw(_PARENT_IDS)
    begin_us = draw(_BEGINS_US)
    return FinishedSpan(
        trace_id,
        span_id,
        None if parent_id == span_id else parent_id,
        kind,
        draw(_SPAN_NAMES),
        begin_us,
        draw(_DURATIONS_US),
        draw(_LOCALS),
        None if kind is None else draw(_REMOTES),
        [(begin_us + after_us, text) for after_us, text in draw(_ANNOTATIONS)],
        draw(_TAGS),
        draw(_BOOLEANS),
        kind == "SERVER" and draw(_BOOLEANS),
    )
