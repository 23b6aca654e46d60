"""A whole run that measures nothing: each part returns at once, with as many numbers as a real one."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.exporting.measure import FORMATS
from bench.harness import ADAPTERS, Outcome
from bench.instrumented.measure import FRAMEWORKS, GROUPS, WITHOUT
from bench.results import Result
from bench.table import rows
from bench.tasks import TASKS, Measured

MEASURED = Measured(least=1.0, median=2.0, cpu=3.0, delivered=0)
WAYS = ("without", "headers alone", "ours, 100%", "otel, 100%", "ours, 1%", "otel, 1%")
WAY = {
    "requests_per_s": 500.0,
    "cpu_ms": 2.0,
    "more_ms": 0.1,
    "more_error_ms": 0.01,
    "p50_ms": 3.0,
    "p99_ms": 9.0,
    "arrived": 1.0,
}


def run(file: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Run `python -m bench --json FILE` with the parts of this file; returns its exit status."""
    for measure in (costs, requests, exports, curves, services):
        monkeypatch.setattr(command, f"_{measure.__name__}", measure)
    return command.main(["--json", str(file), *options])


def costs(options: Namespace, result: Result) -> None:
    tasks, adapters = options.tasks or list(TASKS), options.adapters or list(ADAPTERS)
    results = {task: {name: [MEASURED] * options.rounds for name in adapters if task in ADAPTERS[name].tasks} for task in tasks}
    result["costs"] = command._as_json(Outcome(results, [], 1e6), rows(results))


def requests(options: Namespace, result: Result) -> None:
    result["requests"] = {
        framework: {
            percent: {way: [10.0 * (number + 1)] * options.starts for number, way in enumerate((WITHOUT, *ways))}
            for percent, ways in GROUPS.items()
        }
        for framework in FRAMEWORKS
    }


def exports(options: Namespace, result: Result) -> None:
    result["exports"] = {encoding: {"ours": [1.0] * options.starts, "old": [8.0] * options.starts} for encoding in FORMATS}


def curves(options: Namespace, result: Result) -> None:
    result["curves"] = {
        curve: {name: {"1 median_us": 1.0, "10 median_us": 2.0 + len(name)} for name in names}
        for curve, names in command.CURVE_ADAPTERS.items()
    }


def services(options: Namespace, result: Result) -> None:
    result["services"] = {
        framework: {way: {**WAY, "more_ms": 0.1 * number} for number, way in enumerate(WAYS)}
        for framework in ("flask", "fastapi")
    }
