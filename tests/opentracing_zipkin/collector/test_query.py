"""Parameters of the API, read without a collector."""

from __future__ import annotations

import pytest

from opentracing_zipkin.collector.query import read_trace_ids

from .growth import least_seconds


def listed(count: int) -> str:
    return ",".join(f"{number:x}" for number in range(1, count + 1))


def test_many_trace_ids_cost_four_times_as_much_for_four_times_as_many() -> None:
    """A request for 10,000 traces is read in milliseconds."""
    few, many = listed(2500), listed(10_000)

    # 4 were seen; 16 is what a comparison of each with each makes.
    assert least_seconds(read_trace_ids, many) < 10 * least_seconds(read_trace_ids, few)


def test_an_id_that_is_asked_for_twice_is_named() -> None:
    """Also where it is written in another length."""
    with pytest.raises(ValueError, match="redundant traceId: 000000000000000a"):
        read_trace_ids("a,b,000a")


def test_ids_of_one_trace_are_asked_for_once() -> None:
    """A request cannot have a trace answered ten thousand times by writing its id in ten thousand ways."""
    assert ["000000000000000a", "b".zfill(16)] == read_trace_ids(
        ",".join(["a", "b", *(f"{high:x}{10:016x}" for high in range(1, 99))])
    )
