"""The index as bytes."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.collector.query import TraceQuery, Window
from opentracing_zipkin.collector.stores.segment import Segment, numbers_in
from opentracing_zipkin.collector.stores.segment_bytes import from_bytes, stable_hash, to_bytes
from opentracing_zipkin.model import Endpoint, FinishedSpan

ASKED = [
    TraceQuery(Window(0, 10**9), *words, terms, least, 0, 10)
    for words, terms, least in [
        (("web", "", ""), (), 0),
        (("web", "db", "x"), (("k", "7"),), 0),
        (("", "", ""), (("note", ""), ("even", "1")), 5),
        (("", "", ""), (("k", ""),), 900),
    ]
]


def filled() -> Segment:
    segment = Segment(stable_hash(), 4000)
    for number in range(1000):
        segment.open_trace()
        segment.add(
            number,
            FinishedSpan(
                "1" * 16,
                f"{number + 1:016x}",
                name="x",
                timestamp_us=number,
                duration_us=number,
                local=Endpoint("web"),
                remote=Endpoint("db"),
                annotations=[(1, "note")] if number % 3 else [],
                tags={"k": str(number), "even": str(number % 2)},
            ),
            frozenset(("even",)),
        )
    return segment


def found(segment: Segment) -> list[list[int]]:
    return [numbers_in(segment.matching(asked, (1 << len(segment.begins)) - 1)) for asked in ASKED]


def test_a_segment_reads_what_it_wrote() -> None:
    """A segment that was written and read gives the same answers, and more traces can be added to it."""
    segment = filled()
    again = from_bytes(to_bytes(segment), stable_hash())

    assert [1000, 1, 332, 100] == list(map(len, found(segment)))
    assert found(segment) == found(again)
    for name in set(Segment.__slots__) - {"_hash"}:
        assert getattr(segment, name) == getattr(again, name)
    again.add(again.open_trace(), FinishedSpan("1" * 16, "1" * 16, tags={"k": "7"}, local=Endpoint("web")))
    assert 1001 == len(found(again)[0])


def test_a_term_has_the_same_hash_in_every_process() -> None:
    """A term has the same hash in every process, unlike Python's own hash, because a file outlives the process."""
    assert [0x4D08306E2892E652, 0xC1EAD22DF1DA094D] == [stable_hash()(("web", "k", "ü")), stable_hash()(("", 1, "x"))]


@pytest.mark.parametrize("cut", [0, 1, 10, 1000, -1, -5])
def test_bytes_with_an_end_missing_are_refused(cut: int) -> None:
    """Bytes whose end is missing raise ValueError, wherever they end."""
    with pytest.raises(ValueError, match=r"."):
        from_bytes(to_bytes(filled())[:cut], stable_hash())


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_refused(data: bytes, compressed: bool) -> None:
    """Any other bytes raise nothing but ValueError."""
    with pytest.raises(ValueError, match=r"."):
        from_bytes(zlib.compress(data) if compressed else data, stable_hash())


@given(st.integers(0, 3000), st.binary(min_size=1, max_size=8))
def test_changed_bytes_are_refused_or_the_same(at: int, change: bytes) -> None:
    """Changed bytes are refused, because there is a checksum over all bytes."""
    data = to_bytes(SMALL)
    changed = data[: at % len(data)] + change + data[at % len(data) + len(change) :]
    if changed == data:
        return

    with pytest.raises(ValueError, match=r"."):
        from_bytes(changed, stable_hash())


SMALL = filled()
