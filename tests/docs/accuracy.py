"""The table of docs/how-to/sampling.md: what `sampling.boundary` keeps of a million ids of each kind.

Write it anew with `python -m tests.docs.accuracy`.  The ids are the same in every run: a generator's raw bits from fixed seeds.
`test_sampling.py` compares `kept` with the sampler itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from opentracing_zipkin.sampling.by_trace_id import ODD_FACTOR, SALT

__all__ = ["COUNT", "KINDS", "MARKS", "PAGE", "RATES", "kept", "server_keeps", "table"]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "sampling.md"
MARKS = ("<!-- accuracy, by python -m tests.docs.accuracy -->\n", "<!-- end -->\n")
COUNT = 1_000_000
RATES = (0.5, 0.1, 0.01, 0.001, 0.0001)

SECONDS = 1_790_000_000  # of a day in 2026


def _random(seed: int) -> Any:
    return np.random.PCG64(seed).random_raw(COUNT)


def _number(value: int) -> Any:
    return np.array([value], dtype=np.uint64)


def _one_after_the_other() -> Any:
    return np.arange(1, COUNT + 1, dtype=np.uint64)


def _seconds() -> Any:
    return _number(SECONDS) + _one_after_the_other() // _number(500)


# A kind of 64-bit ids -> the ids, and whether they are random, so that a share of them is expected to vary as such shares do.
KINDS: dict[str, tuple[Callable[[], Any], bool]] = {
    "random, 64 bits": (lambda: _random(1), True),
    "random, 63 bits (Datadog, Java)": (lambda: _random(2) >> _number(1), True),
    "random, 32 bits": (lambda: _random(3) >> _number(32), True),
    "random upper bits, 16 zero lower bits": (lambda: _random(4) & _number(0xFFFF_FFFF_FFFF_0000), True),
    "32 upper bits that never change, 32 random lower bits": (
        lambda: _random(5) >> _number(32) | _number(0x5AF7_183F << 32),
        True,
    ),
    "seconds in the upper bits, random lower bits (as AWS X-Ray)": (
        lambda: _seconds() << _number(32) | _random(6) >> _number(32),
        True,
    ),
    "one after the other": (_one_after_the_other, False),
    "one after the other, 32 zero lower bits": (lambda: _one_after_the_other() << _number(32), False),
    "one after the other on 64 hosts": (
        lambda: _one_after_the_other() // _number(64) | _one_after_the_other() % _number(64) << _number(48),
        False,
    ),
    "milliseconds, host, counter (Snowflake)": (
        lambda: (_number(SECONDS * 1000) + _one_after_the_other() * _number(3)) << _number(22) | _number(7 << 12),
        False,
    ),
    "nanoseconds of a clock": (lambda: _number(SECONDS * 10**9) + _one_after_the_other() * _number(1_000_003), False),
}


def kept(ids: Any, rate: float) -> Any:
    """The decisions of `sampling.boundary`, for many ids at once."""
    return (ids ^ _number(SALT)) * _number(ODD_FACTOR) < _number(round(rate * 2**64))


def server_keeps(ids: Any, rate: float) -> Any:
    """The decisions of the Zipkin server's sampler.  Source: zipkin-collector, CollectorSampler.java."""
    signed = ids.view(np.int64)
    return np.abs(signed) <= np.int64(int(rate * (2**63 - 1)))


def table() -> str:
    """The table: the number of ids that are kept, of a million."""
    lines = [
        f"| {COUNT:,} ids | {' | '.join(f'{rate:g}' for rate in RATES)} |",
        f"|---|{'---:|' * len(RATES)}",
    ]
    for kind, (make, _) in KINDS.items():
        ids = make()
        lines.append(f"| {kind} | {' | '.join(f'{int(kept(ids, rate).sum()):,}' for rate in RATES)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    before, rest = text.split(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}{table()}{MARKS[1]}{rest.split(MARKS[1])[1]}", "utf-8")
