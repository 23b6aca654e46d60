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
