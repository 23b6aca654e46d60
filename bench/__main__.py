"""Measures the costs of tracing as ratios: our tracer compared with the least that pure Python can do, and with other tracers.

Each task runs in fresh processes, in rounds that alternate between the tracers.  The result is the median over the rounds of
each round's least (or median) time.  If the machine was at full speed at times, only times from then count.  Less is better.
A tracer compared with itself, in three rounds on two busy cores, gives between 0.9 and 1.1 by its least burst, and between 0.75
and 1.3 by its median burst or its CPU time.
Without options it measures all costs, the cost that tracing adds to a request, exports, the curves, and two services under
load, in about twenty minutes.
It writes no file that git tracks: `--json` keeps the results, and `python -m bench.page` makes the page from them.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

from . import results
from .curves import CURVES, GROWTH_SPANS
from .environments import ROOT, python_of
from .harness import ADAPTERS, QUICK_ADAPTERS, Contestant, Outcome, measure, run_worker, sink
from .results import BURSTS, PARTS, ROUNDS, STARTS
from .table import OURS, Row, bounded, bridged, markdown, rows
from .tasks import TASKS

QUICK_TASKS = [name for name, task in TASKS.items() if task.manner in ("paced", "tight") and name != "encode_proto3"]
CURVE_ADAPTERS = {**dict.fromkeys(CURVES, (OURS, "limit")), "delay": (OURS, "naive"), "growth": (OURS,)}


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    start = time.monotonic()
    asked = {name: getattr(options, name) for name in results.MIN_OPTIONS}
    result: results.Result = {"machine": _machine(), "options": asked, "failures": [], "requirements": sorted(_requirements())}
    parts = ["costs"] if options.quick or options.tasks or options.adapters else options.only
    for part in parts:
        measures = {"costs": _costs, "requests": _requests, "exports": _exports, "curves": _curves, "services": _services}
        measures[part](options, result)
        if options.json is not None:  # after each part, so that nothing is lost if the next part fails
            results.write(result, options.json)
    print(f"\nPython {platform.python_version()}, {time.monotonic() - start:.0f} s.")
    if options.json is not None:
        lacking = results.missing_parts(result)
        print(f"{options.json} has the results; " + _what_next(lacking))
    for failure in result["failures"]:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if result["failures"] else 0


def _what_next(lacking: list[str]) -> str:
    if lacking:
        return f"no page can be made from it: {'; '.join(lacking)}."
    return "`make bench-page` makes docs/explanation/benchmarks.md from it."


def _costs(options: argparse.Namespace, result: results.Result) -> None:
    tasks = options.tasks or (QUICK_TASKS if options.quick else list(TASKS))
    contestants = {name: ADAPTERS[name] for name in options.adapters or (QUICK_ADAPTERS if options.quick else ADAPTERS)}
    if options.beside is not None:
        contestants["beside"] = Contestant("ours", ADAPTERS[OURS].tasks, options.beside.resolve())
    outcome = measure(contestants, tasks, options.rounds, options.bursts)
    table = rows(outcome.results)
    print(markdown(table, list(contestants)))
    print("\nCosts per unit of work, less is better; medians of rounds.", end="  ")
    print(f"The sink takes {outcome.sink_capacity / 1e6:.1f} million spans a second.")
    for cost in bridged(table):
        print(
            f"OpenTelemetry's API, cost on our provider / cost on its SDK: {cost.title}: {bounded(cost.ratio, cost.max_ratio)}"
        )
    every = [measured for of_task in outcome.results.values() for rounds in of_task.values() for measured in rounds]
    busy = sum(not measured.quiet for measured in every)
    if busy:
        print(f"In {busy} of {len(every)} measurements the machine was never quiet: other work, or the tracer's own threads.")
    result["failures"] += outcome.failures
    result["costs"] = _as_json(outcome, table)


def _requests(options: argparse.Namespace, result: results.Result) -> None:
    from .instrumented import measure as instrumented

    found, failures = instrumented.measure(options.starts)
    result["requests"] = found
    result["failures"] += failures
    for framework, percents in found.items():
        for percent, added in percents.items():
            print(f"{framework}, {percent}: " + ", ".join(f"{way} {mean(us):.1f}" for way, us in added.items()) + " µs")
            if set(instrumented.COMPARED) <= set(added):
                ratio, max_ratio = instrumented.ratio(added), instrumented.MAX_RATIOS[framework, percent]
                print(f"  ratio to OpenTelemetry: {ratio.value:.3f} ± {ratio.error:.3f} (≤ {max_ratio:.3f})")
            if "bridged" in added and "otel" in added:
                ratio, max_ratio = instrumented.ratio(added, "bridged"), instrumented.MAX_BRIDGED_RATIO
                bridged_ratio = f"{ratio.value:.3f} ± {ratio.error:.3f}"
                print(f"  OpenTelemetry on our provider, ratio to its SDK: {bridged_ratio} (≤ {max_ratio:.3f})")


def _exports(options: argparse.Namespace, result: results.Result) -> None:
    from .exporting import measure as exporting

    found, failures = exporting.measure(options.starts)
    result["exports"] = found
    result["failures"] += failures
    for encoding, ways in found.items():
        print(f"exported span, {encoding}: " + ", ".join(f"{way} {mean(us):.1f}" for way, us in ways.items()) + " µs of CPU")
        print(f"  ratio to the deprecated exporter: {exporting.ratio(ways):.3f} (≤ {exporting.MAX_RATIOS[encoding]:.3f})")


def _curves(options: argparse.Namespace, result: results.Result) -> None:
    result["curves"] = {}
    with sink() as port:
        for curve, names in CURVE_ADAPTERS.items():
            print(f"curve {curve}", file=sys.stderr, flush=True)
            for name in names:
                contestant = ADAPTERS.get(name, Contestant(name, frozenset()))
                found = run_worker(python_of(contestant.module), contestant, curve, port, options.spans)
                if isinstance(found, str):
                    result["failures"].append(f"{name}, {curve}: {found}")
                else:
                    result["curves"].setdefault(curve, {})[name] = found
                    print(f"{curve}, {name}: " + ", ".join(f"{at} {value:.3g}" for at, value in found.items()))


def _services(options: argparse.Namespace, result: results.Result) -> None:
    from .web import measure as services  # gunicorn does not run on every system that the rest runs on

    result["services"] = services.measure()
    for framework, ways in result["services"].items():
        for way, found in ways.items():
            print(f"{framework}, {way}: " + ", ".join(f"{at} {value:.3g}" for at, value in found.items()))
            if way.endswith(" 100%") and found["arrived"] != 1:
                result["failures"].append(f"{framework}, {way}: {found['arrived']:.2%} of the spans arrived")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the usual tasks and tracers, about a minute on a quiet machine")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each task is measured (default: %(default)s)")
    parser.add_argument("--bursts", type=int, default=BURSTS, help="bursts of 100 calls in a paced task (default: %(default)s)")
    parser.add_argument("--tasks", type=_names(TASKS), help=f"comma-separated tasks; choose from {','.join(TASKS)}")
    parser.add_argument("--adapters", type=_names(ADAPTERS), help=f"comma-separated tracers; choose from {','.join(ADAPTERS)}")
    parser.add_argument(
        "--only", type=_names(PARTS), default=list(PARTS), help=f"comma-separated parts; choose from {','.join(PARTS)}"
    )
    parser.add_argument(
        "--starts",
        type=int,
        default=STARTS,
        help="how often the processes of requests and exports are started (default: %(default)s)",
    )
    parser.add_argument("--spans", type=int, default=GROWTH_SPANS, help="number of spans in the long run (default: 10^6)")
    parser.add_argument(
        "--beside", type=Path, metavar="DIR", help="a second checkout of this project to measure in the same run"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file")
    return parser


def _names(known: Any) -> Any:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return names


def _machine() -> dict[str, Any]:
    models = [line.partition(": ")[2] for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "date": datetime.date.today().isoformat(),
        "load": round(os.getloadavg()[0], 1),
    }


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _requirements() -> set[str]:
    folder = ROOT / "bench" / "requirements"
    names = {contestant.module for contestant in ADAPTERS.values()} | {"web"}
    lines = [line for name in names for line in (folder / f"{name}.txt").read_text().splitlines()]
    return {line for line in lines if not line.startswith("#")}


def _as_json(outcome: Outcome, table: list[Row]) -> dict[str, Any]:
    return {
        "sink_spans_per_second": round(outcome.sink_capacity),
        "rows": [{**row._asdict(), "title": row.title, "targets": row.targets, "missed": row.missed_names} for row in table],
        "rounds": {
            task: {adapter: [measured._asdict() for measured in rounds] for adapter, rounds in of_adapters.items()}
            for task, of_adapters in outcome.results.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
