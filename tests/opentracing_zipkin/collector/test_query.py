"""Parameters of the API, read without a collector."""

from __future__ import annotations

import pytest

from opentracing_zipkin.collector.query import read_trace_ids

from .growth import least_seconds


def listed(count: int) -> str:
    return ",".join(f"{number:x}" for number in range(1, count + 1))


def test_many_trace_ids_cost_four_times_as_much_for_four_times_as_many() -> None:
    """The cost of many trace ids grows linearly; 10,000 are read in milliseconds."""
    few, many = listed(2500), listed(10_000)

    # A factor of 4 was seen; comparing each id with each would give 16.
    assert least_seconds(read_trace_ids, many) < 10 * least_seconds(read_trace_ids, few)


def test_an_id_that_is_asked_for_twice_is_named() -> None:
    """An id that appears twice is named in the error, even if it is written in another length."""
    with pytest.raises(ValueError, match="redundant traceId: 000000000000000a"):
        read_trace_ids("a,b,000a")


def test_ids_of_one_trace_are_asked_for_once() -> None:
    """A trace is answered once, even if its id is written in many ways."""
    assert ["000000000000000a", "b".zfill(16)] == read_trace_ids(
        ",".join(["a", "b", *(f"{high:x}{10:016x}" for high in range(1, 99))])
    )
