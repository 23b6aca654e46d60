"""Sampling by the trace id: exact at both ends, the same in every process, and independent of the server's sampling."""

from __future__ import annotations

import random
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer, sampling
from opentracing_zipkin.sampling.by_trace_id import ODD_FACTOR, SALT
from opentracing_zipkin.testing import InMemoryRecorder

IDS = [
    random.Random(7).getrandbits(64) ^ number for number in (random.Random(number).getrandbits(64) for number in range(20_000))
]


STEP = 2.0**-64


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_a_rate_keeps_that_share_of_all_traces(rate: float) -> None:
    """A rate keeps its share of 20,000 fixed ids, within four standard deviations."""
    kept = sum(map(sampling.boundary(rate), IDS))
    expected = rate * len(IDS)

    assert abs(kept - expected) < 4 * (expected * (1 - rate)) ** 0.5


def test_both_ends_are_exact() -> None:
    """A rate of 0 keeps nothing, and a rate of 1 keeps everything."""

    assert not any(map(sampling.boundary(0.0), IDS))
    assert all(map(sampling.boundary(1), IDS))
    assert all(map(sampling.boundary(1.0), [0, (1 << 64) - 1]))


@pytest.mark.parametrize(
    ("rate", "steps"),
    [(5e-324, 1), (5e-20, 1), (STEP, 1), (1.6 * STEP, 2), (1e-6, 18446744073710), (1 - 2.0**-53, 2**64 - 2**11)],
)
def test_a_rate_is_the_nearest_of_its_steps(rate: float, steps: int) -> None:
    """A rate keeps the nearest number of the 2 ** 64 ids, but at least one: those that the mixing maps below the bound."""
    keep = sampling.boundary(rate)
    inverse = pow(ODD_FACTOR, -1, 1 << 64)

    def id_of(mixed: int) -> int:
        return (mixed * inverse & (1 << 64) - 1) ^ SALT

    assert [True, True, False, False] == [keep(id_of(mixed)) for mixed in (0, steps - 1, steps, (1 << 64) - 1)]


def test_the_answer_is_fixed() -> None:
    """The answer for an id is the same in every process of every version."""
    keep = sampling.boundary(0.5)

    assert [True, True, False, True, True] == [keep(number) for number in (1, 2, 3, 1 << 63, (1 << 64) - 1)]


def test_client_and_server_sampling_multiply() -> None:
    """10 % here and 10 % in the server keep 1 %, although the server's sampler compares the same bits."""
    keep = sampling.boundary(0.1)

    def server_keeps(trace_id: int) -> bool:
        signed = trace_id - (1 << 64) if trace_id >> 63 else trace_id
        return abs(signed) <= 0.1 * (1 << 63)

    kept = sum(keep(trace_id) and server_keeps(trace_id) for trace_id in IDS)

    assert abs(kept - 200) < 4 * 200**0.5


@pytest.mark.parametrize("rate", [100, -0.1, 1.01, "0.5", True, float("nan"), None])
def test_a_rate_that_is_none_names_the_remedy(rate: Any) -> None:
    """A wrong rate raises with the remedy, also a percentage."""
    with pytest.raises(ValueError, match=r"sample_rate is .*use 0\.0 .* to 1\.0"):
        sampling.boundary(rate)


def test_a_sampler_is_asked_once_per_trace_with_the_low_64_bits() -> None:
    """A sampler is asked once a trace, neither for children nor for traces that the caller decided."""
    asked: list[int] = []
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), sampler=lambda trace_id: not asked.append(trace_id))  # type: ignore[func-returns-value]
    root = tracer.start_trace("x")
    root.start_child("y")
    tracer.join_trace("z", tracer.extract("text_map", {"b3": "a2fb4a1d1a96d312-a2fb4a1d1a96d312-1"}))

    assert [int((root.context.trace_id or "")[-16:], 16)] == asked


def test_a_sampler_that_raises_means_no() -> None:
    """If a sampler raises, the trace is not recorded, because tracing never breaks the traced."""

    def broken(trace_id: int) -> bool:
        raise RuntimeError

    tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), sampler=broken)

    assert False is tracer.start_trace("x").context.sampled
