"""Measures the load that one process, one Kafka partition and one collector carry here, and computes the sizes of a fleet.

Starts a real Kafka, Zipkin server and MariaDB, one after the other; about three minutes on a machine that does nothing else.
Prints tables.  `--json` keeps the results; `make scale-page` makes docs/explanation/scale.md from them.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.integration.server_process import ServerUnavailable

from . import carried, tables
from .figures import Carried, Figures, write


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file")
    parser.add_argument("--spans", type=_thousands, default=100_000, help="spans of each measurement (default: 100000)")
    parser.add_argument(
        "--stored", type=_thousands, default=5_000, help="spans that go into MariaDB, which is slower (default: 5000)"
    )
    parser.add_argument(
        "--producers",
        type=int,
        choices=range(1, 33),
        default=4,
        metavar="COUNT",
        help="processes that share one partition (default: 4)",
    )
    options = parser.parse_args()
    try:
        figures = _measured(options)
    except (ServerUnavailable, RuntimeError) as error:
        print(f"scale: {error}", file=sys.stderr)
        return 1
    print(f"\n{figures.machine}\n\n{tables.carried(figures)}\n\n{tables.message_bytes(figures)}\n\n{tables.sizes(figures)}")
    if options.json is not None:
        write(figures, options.json)
        print(f"\n{options.json} has the results; `make scale-page` makes docs/explanation/scale.md from it")
    return 0


def _thousands(text: str) -> int:
    """A number for argparse; thousands, because only whole messages of 500 spans are sent."""
    if not text.isdecimal() or not int(text) or int(text) % 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of whole thousands")
    return int(text)


def _measured(options: argparse.Namespace) -> Figures:
    found: dict[str, Carried] = {}
    stored: list[float] = []
    for each in _each(options, stored):
        print(
            f"scale: {each.link}: {each.a_second:,.0f} spans/s, {each.cpu_us:.1f} µs of CPU a span", file=sys.stderr, flush=True
        )
        found[each.link] = each
    return Figures(_machine(), found, carried.message_bytes(), stored[0])


def _each(options: argparse.Namespace, stored: list[float]) -> Iterator[Carried]:
    yield from carried.processes(options.spans)
    yield from carried.partition(options.spans, options.producers)
    yield from carried.collectors(options.spans, options.stored, stored)


def _machine() -> str:
    python, cores = platform.python_version(), os.cpu_count()
    return f"{cores} cores that other work shares, Python {python}, {platform.system()}, {datetime.date.today():%Y-%m-%d}"


if __name__ == "__main__":
    sys.exit(main())
