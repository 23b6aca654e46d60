"""Spans of every kind that the tracer finishes, which a codec must write and read back unchanged."""

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
_IPV4 = st.ip_addresses(v=4).map(str).filter(lambda ip: ip != "0.0.0.0")
_IPV6 = st.sampled_from(["2001:db8::c001", "fe80::1", "::1"])


def texts(max_size: int = 20) -> st.SearchStrategy[str]:
    """Any text that UTF-8 can carry, except the marks of version 1."""
    return st.text(_LETTERS, max_size=max_size).filter(lambda text: text not in _RESERVED)


def _ids(length: int) -> st.SearchStrategy[str]:
    return st.integers(1, (1 << 4 * length) - 1).map(lambda number: f"{number:0{length}x}")


def _trace_ids() -> st.SearchStrategy[str]:
    return _ids(16) | st.tuples(_ids(16), _ids(16)).map("".join)


@st.composite
def endpoints(draw: st.DrawFn, names: Sequence[str] = _NAMES) -> Endpoint:
    """An endpoint with a service name, which every local endpoint has."""
    return Endpoint(
        draw(st.sampled_from(names)),
        draw(st.just("") | _IPV4),
        draw(st.just("") | _IPV6),
        draw(st.just(0) | st.integers(1, 65535)),
    )


@st.composite
def finished_spans(draw: st.DrawFn) -> FinishedSpan:
    """A span with times and a local endpoint; annotations and tags in any order; only a server span may be shared."""
    kind = draw(st.sampled_from([None, "CLIENT", "SERVER", "PRODUCER", "CONSUMER"]))
    trace_id, span_id = draw(_trace_ids()), draw(_ids(16))
    begin_us = draw(st.integers(1_400_000_000_000_000, 2_000_000_000_000_000))
    return FinishedSpan(
        trace_id,
        span_id,
        draw(st.none() | _ids(16).filter(lambda parent_id: parent_id != span_id)),
        kind,
        draw(st.sampled_from(["", *_NAMES])),
        begin_us,
        draw(st.integers(1, 10_000_000_000)),
        draw(endpoints()),
        None if kind is None else draw(st.none() | endpoints(_REMOTE_NAMES)),
        draw(st.lists(st.tuples(st.integers(begin_us - 10, begin_us + 1000), texts()), max_size=4, unique=True)),
        draw(st.dictionaries(texts(), texts(), max_size=5)),
        draw(st.booleans()),
        kind == "SERVER" and draw(st.booleans()),
    )
