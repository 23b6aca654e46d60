"""Costs of tracing as ratios: ours beside the least that pure Python can do, and beside OpenTelemetry.

Each task runs in fresh processes, in rounds that are interleaved over the tracers; what is compared is the median over the
rounds of each round's least (or median) time.  Less is better.  A tracer beside itself, in three rounds on two busy cores,
comes out between 0.9 and 1.1 by its least burst, and between 0.75 and 1.3 by its median burst or its CPU.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

from .environments import ROOT
from .harness import ADAPTERS, QUICK_ADAPTERS, Contestant, Outcome, measure
from .table import OURS, Row, markdown, rows
from .tasks import TASKS

QUICK_TASKS = [name for name, task in TASKS.items() if task.manner in ("paced", "tight") and name != "encode_proto3"]


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    tasks = options.tasks or (QUICK_TASKS if options.quick else list(TASKS))
    contestants = {name: ADAPTERS[name] for name in options.adapters or (QUICK_ADAPTERS if options.quick else ADAPTERS)}
    if options.beside is not None:
        contestants["beside"] = Contestant("ours", ADAPTERS[OURS].tasks, options.beside.resolve())
    start = time.monotonic()
    outcome = measure(contestants, tasks, options.rounds or (3 if options.quick else 5), options.bursts)
    table = rows(outcome.results)
    print(markdown(table, list(contestants)))
    print(
        f"\nCosts per unit of work, less is better; medians of rounds.  Python {platform.python_version()}, "
        f"{time.monotonic() - start:.0f} s.  The sink takes {outcome.sink_capacity / 1e6:.1f} million spans a second."
    )
    if options.json is not None:
        options.json.write_text(json.dumps(_as_json(outcome, table), indent=1) + "\n")
    for failure in outcome.failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if outcome.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds of the usual tasks and tracers, about a minute")
    parser.add_argument("--rounds", type=int, help="how often each task is measured; 5 by default, 3 with --quick")
    parser.add_argument("--bursts", type=int, default=60, help="bursts of 100 calls in a paced task (default: 60)")
    parser.add_argument("--tasks", type=_names(TASKS), help=f"of {','.join(TASKS)}")
    parser.add_argument("--adapters", type=_names(ADAPTERS), help=f"of {','.join(ADAPTERS)}")
    parser.add_argument("--beside", type=Path, metavar="DIR", help="another checkout of ours, to be measured beside this one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured here")
    return parser


def _names(known: Any) -> Any:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return names


def _as_json(outcome: Outcome, table: list[Row]) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "requirements": {
            path.stem: path.read_text().split("\n") for path in sorted((ROOT / "bench" / "requirements").glob("*.txt"))
        },
        "sink_spans_per_second": round(outcome.sink_capacity),
        "rows": [{**row._asdict(), "title": row.title, "targets": row.targets, "missed": row.missed} for row in table],
        "rounds": {
            task: {adapter: [measured._asdict() for measured in rounds] for adapter, rounds in of_adapters.items()}
            for task, of_adapters in outcome.results.items()
        },
        "failures": outcome.failures,
    }


if __name__ == "__main__":
    sys.exit(main())
