"""docs/how-to/sampling.md: the accuracy of `boundary` over millions of ids, within bounds that hold for these fixed ids."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from opentracing_zipkin import sampling

from .accuracy import COUNT, KINDS, MARKS, PAGE, RATES, kept, server_keeps, table

MAX_DEVIATIONS = 4.5  # of a share of random ids; the seeds are fixed, so it holds always or never


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_measured_is_the_sampler_itself(kind: str) -> None:
    """The measured function gives the same answers as the sampler for two thousand ids of each kind."""
    ids = KINDS[kind][0]()[:: COUNT // 2000]
    for rate in (*RATES, 0.999):
        keep = sampling.boundary(rate)

        assert [keep(int(trace_id)) for trace_id in ids] == kept(ids, rate).tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", RATES)
def test_a_share_of_any_kind_of_ids_is_kept(kind: str, rate: float) -> None:
    """Random ids are kept as exactly as chance allows, and counted ids even more exactly."""
    make, is_random = KINDS[kind]
    deviation = (COUNT * rate * (1 - rate)) ** 0.5
    found = int(kept(make(), rate).sum())

    assert abs(found - COUNT * rate) < (MAX_DEVIATIONS if is_random else 1.5) * deviation


def test_one_in_a_million_of_sixteen_millions() -> None:
    """About 16 of 16 million random ids are kept, as expected."""
    found = sum(int(kept(np.random.PCG64(seed).random_raw(COUNT), 1e-6).sum()) for seed in range(16))

    assert abs(found - 16) < MAX_DEVIATIONS * 4


@pytest.mark.parametrize(("ours", "servers"), [(0.1, 0.1), (0.01, 0.1), (0.1, 0.01), (0.5, 0.5)])
def test_the_servers_own_sampler_is_independent(ours: float, servers: float) -> None:
    """Our 10 % and the server's 10 % together keep 1 % of two million random ids."""
    ids: Any = np.concatenate([np.random.PCG64(seed).random_raw(COUNT) for seed in (1, 2)])
    found = int((kept(ids, ours) & server_keeps(ids, servers)).sum())
    expected = 2 * COUNT * ours * servers

    assert abs(found - expected) < MAX_DEVIATIONS * expected**0.5


def test_other_processes_give_the_same_answers() -> None:
    """Processes with different hash seeds give the same answers."""
    code = "from opentracing_zipkin import sampling; print([*map(sampling.boundary(0.3), range(200))])"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, timeout=30, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert {f"{[*map(sampling.boundary(0.3), range(200))]}\n"} == answers


def test_the_table_of_the_page_is_what_is_measured() -> None:
    """The page has the table that `python -m tests.docs.accuracy` writes."""
    assert table() == PAGE.read_text("utf-8").split(MARKS[0])[1].split(MARKS[1])[0]
