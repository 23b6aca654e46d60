"""Guards against slow growth: compares the instructions of each step of a span, counted by callgrind, with the recorded ones.

Rules: no clock is read, so a slow machine changes nothing; the counts of two runs differ by 0.5 % at most.  Another build of
the same Python counts up to a tenth more or less.  So only growth that shows both in the count itself and in its ratio to the
limit's count is growth.
The place of names in memory decides whether two of them share a slot in Python's cache of methods.  This makes one memory
layout in five a tenth dearer.  So a task that fails is counted again in other layouts, and the least count is used.
The calls of 0.5 are also compared with the same calls of 2.4 from the same run: the additional cost of a call has a ceiling.
After an intended change, record again with each Python that `bench/recorded.json` has: `python -m bench.guard --record`.  After
a new task, which leaves the others unchanged: `python -m bench.guard --record-new`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["ClassicCost", "Verdict", "classic_costs", "main", "verdicts", "with_new"]

COUNTED = Path(__file__).with_name("counted.py")
RECORDED = Path(__file__).with_name("recorded.json")
# Ten percent more in one step has to fail, so the tolerance is lower.
MAX_GROWTH = 0.05
# The limit has no reporter that could be counted without its network, no calls of 0.5 and no middleware.  For these tasks, the
# growth due to another build of Python is taken from the limit's count of the task on the right.
LIKE = {
    "deliver": "root",
    "start_trace": "start_span",
    "classic_root": "root",
    "classic_noop": "noop",
    "wsgi": "request",
    "asgi": "request",
}
# A task in calls of 0.5 -> the same task in calls of 2.4, and the number of calls that have another name.
CLASSIC = {"start_trace": ("start_span", 1), "classic_root": ("root", 3), "classic_noop": ("noop", 3)}
# A call of 0.5 may cost 60 ns more than the same call of 2.4.  The limit's no-op root takes 150 ns (Python 3.11, 2026-11), so
# 60 ns are 0.4 of its instructions: 940 there, and more in a build of Python that counts more for everything.
MAX_CLASSIC_CALL = 0.4
MARK = "getppid"
LAYOUTS = 4
TIMEOUT_S = 300

# task -> whose -> instructions for each unit of work
Counts = Mapping[str, Mapping[str, float]]


class Verdict(NamedTuple):
    """One task's count and its record; a `growth` of 0.02 is two percent more than recorded."""

    task: str
    now: float
    recorded: float
    growth: float

    @property
    def is_failed(self) -> bool:
        return self.growth > MAX_GROWTH


class ClassicCost(NamedTuple):
    """One task in calls of 0.5; `more` is the number of instructions by which a call costs more than the same call of 2.4."""

    task: str
    more: float
    ceiling: float

    @property
    def is_failed(self) -> bool:
        return self.more > self.ceiling


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    parser.add_argument("--record", action="store_true", help="store the present counts as the record of this Python")
    parser.add_argument("--record-new", action="store_true", help="record only the tasks that the record of this Python lacks")
    options = parser.parse_args(arguments)
    version = ".".join(platform.python_version_tuple()[:2])
    record = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    recording = options.record or options.record_new
    if not recording and version not in record:
        print(
            f"no instructions are recorded for Python {version}; record them: python -m bench.guard --record", file=sys.stderr
        )
        return 2
    if recording:
        counted = least([count(layout) for layout in range(LAYOUTS)])
        record[version] = with_new(record.get(version, {}), counted) if options.record_new else counted
        RECORDED.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n")
        return 0
    counts = count(0)
    for layout in range(1, LAYOUTS):
        found: list[Verdict | ClassicCost] = [*verdicts(counts, record[version]), *classic_costs(counts)]
        if any(each.is_failed for each in found):
            counts = least([counts, count(layout)])
    return max(_judge(verdicts(counts, record[version])), _judge_classic(classic_costs(counts)))


def _judge(found: list[Verdict]) -> int:
    for verdict in found:
        mark = "  FAILED" if verdict.is_failed else ""
        print(
            f"{verdict.task:14} {verdict.now:9.0f} instructions, recorded {verdict.recorded:9.0f}  {verdict.growth:+6.1%}{mark}"
        )
    failed = [verdict.task for verdict in found if verdict.is_failed]
    if failed:
        print(
            f"{', '.join(failed)}: more than {MAX_GROWTH:.0%} above the record. Make it cheaper, or, if it is worth it, "
            "record it with the reason in the commit: python -m bench.guard --record",
            file=sys.stderr,
        )
    if min(verdict.growth for verdict in found) < -MAX_GROWTH:
        print("Some are well below the record, which now guards less; record them: python -m bench.guard --record")
    return 1 if failed else 0


def _judge_classic(found: list[ClassicCost]) -> int:
    for cost in found:
        mark = "  FAILED" if cost.is_failed else ""
        print(f"{cost.task:14} {cost.more:+9.0f} a call more than in 2.4, at most {cost.ceiling:.0f}{mark}")
    failed = [cost.task for cost in found if cost.is_failed]
    if failed:
        print(f"{', '.join(failed)}: a call of 0.5 costs over 60 ns more than that of 2.4. Make it cheaper.", file=sys.stderr)
    return 1 if failed else 0


def verdicts(counts: Counts, recorded: Counts) -> list[Verdict]:
    """The growth of each task: the lower of our growth, and our growth divided by the limit's, which is due to the build."""
    found = []
    for task, of_whom in counts.items():
        like = LIKE.get(task, task)
        growth = of_whom["ours"] / recorded[task]["ours"]
        build = counts[like]["limit"] / recorded[like]["limit"]
        found.append(Verdict(task, of_whom["ours"], recorded[task]["ours"], min(growth, growth / build) - 1))
    return found


def classic_costs(counts: Counts) -> list[ClassicCost]:
    """The tasks in calls of 0.5, compared with the same tasks in calls of 2.4 from the same run."""
    ceiling = MAX_CLASSIC_CALL * counts["noop"]["limit"]
    return [
        ClassicCost(task, (counts[task]["ours"] - counts[same]["ours"]) / calls, ceiling)
        for task, (same, calls) in CLASSIC.items()
    ]


def with_new(recorded: Counts, counted: Counts) -> dict[str, Mapping[str, float]]:
    """The record, unchanged, and the counts of those tasks that it lacks."""
    return {**recorded, **{task: of_whom for task, of_whom in counted.items() if task not in recorded}}


def least(runs: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """For each task, the least of several counts."""
    return {task: {whose: min(run[task][whose] for run in runs) for whose in of} for task, of in runs[0].items()}


def count(layout: int) -> dict[str, dict[str, float]]:
    """The instructions for each unit of work: the difference between two stretches, one twice as long as the other."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/counted", f"--dump-before={MARK}"]
        done = subprocess.run(
            [*command, sys.executable, str(COUNTED)],
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
            env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": str(layout), "LC_ALL": "C.UTF-8"},
        )
        dumps = [_total(Path(f"{folder}/counted.{number + 1}")) for number in range(len(list(Path(folder).glob("counted.*"))))]
    counted = json.loads(done.stdout)
    assert len(dumps) == 3 * len(counted), f"{MARK} was called by others: {len(dumps)} times for {len(counted)} tasks"
    counts: dict[str, dict[str, float]] = {}
    for number, (whose, task, units) in enumerate(counted):
        _, once, twice = dumps[3 * number : 3 * number + 3]
        counts.setdefault(task, {})[whose] = round((twice - once) / units, 1)
    return counts


def _total(dump: Path) -> int:
    match = re.search(r"^totals: (\d+)", dump.read_text(), re.MULTILINE)
    assert match is not None, f"{dump} has no total"
    return int(match[1])


if __name__ == "__main__":
    sys.exit(main())
