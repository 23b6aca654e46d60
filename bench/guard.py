"""A guard against slow growth: the instructions of each step of a span, counted by callgrind, against those recorded.

Rules: no clock is read, so a slow day changes nothing: the counts of two runs differ by 0.5 % at most.  Another build of the
same Python counts up to a tenth more or less; so growth is only what shows both absolutely and over the limit's counts.
Where names lie in memory decides whether two of them share a place in Python's cache of methods, which makes one layout in five
a tenth dearer; so what fails is counted again in other layouts, and the least counts.
Record anew after a change that is meant, on each Python that `bench/recorded.json` has: `python -m bench.guard --record`.
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

__all__ = ["Verdict", "main", "verdicts"]

COUNTED = Path(__file__).with_name("counted.py")
RECORDED = Path(__file__).with_name("recorded.json")
# Ten percent more in one step has to fail, so less than that is let pass.
TOLERANCE = 0.05
# The limit has no reporter of its own that could be counted without its network.
LIKE_ROOT = {"deliver": "root"}
MARK = "getppid"
LAYOUTS = 4
TIMEOUT_S = 300

# task -> whose -> instructions a unit
Counts = Mapping[str, Mapping[str, float]]


class Verdict(NamedTuple):
    """`growth` is 0.02 for two percent more than recorded."""

    task: str
    now: float
    recorded: float
    growth: float

    @property
    def failed(self) -> bool:
        return self.growth > TOLERANCE


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    parser.add_argument("--record", action="store_true", help="make what is counted now the record of this Python")
    options = parser.parse_args(arguments)
    version = ".".join(platform.python_version_tuple()[:2])
    record = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if not options.record and version not in record:
        print(
            f"no instructions are recorded for Python {version}; record them: python -m bench.guard --record", file=sys.stderr
        )
        return 2
    if options.record:
        record[version] = least([count(layout) for layout in range(LAYOUTS)])
        RECORDED.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n")
        return 0
    counts = count(0)
    for layout in range(1, LAYOUTS):
        if any(verdict.failed for verdict in verdicts(counts, record[version])):
            counts = least([counts, count(layout)])
    return _judge(verdicts(counts, record[version]))


def _judge(found: list[Verdict]) -> int:
    for verdict in found:
        mark = "  FAILED" if verdict.failed else ""
        print(
            f"{verdict.task:14} {verdict.now:9.0f} instructions, recorded {verdict.recorded:9.0f}  {verdict.growth:+6.1%}{mark}"
        )
    failed = [verdict.task for verdict in found if verdict.failed]
    if failed:
        print(
            f"{', '.join(failed)}: more than {TOLERANCE:.0%} above the record. Make it cheaper, or, if it is worth it, "
            "record it with the reason in the commit: python -m bench.guard --record",
            file=sys.stderr,
        )
    if min(verdict.growth for verdict in found) < -TOLERANCE:
        print("Some are well below the record, which now guards less; record them: python -m bench.guard --record")
    return 1 if failed else 0


def verdicts(counts: Counts, recorded: Counts) -> list[Verdict]:
    """Growth is the lesser of ours over the record, and of that over the limit's own growth, which is due to the build."""
    found = []
    for task, of_whom in counts.items():
        like = LIKE_ROOT.get(task, task)
        growth = of_whom["ours"] / recorded[task]["ours"]
        build = counts[like]["limit"] / recorded[like]["limit"]
        found.append(Verdict(task, of_whom["ours"], recorded[task]["ours"], min(growth, growth / build) - 1))
    return found


def least(runs: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Task by task the least of several counts."""
    return {task: {whose: min(run[task][whose] for run in runs) for whose in of} for task, of in runs[0].items()}


def count(layout: int) -> dict[str, dict[str, float]]:
    """Instructions a unit, the difference of two stretches of which one is twice the other."""
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
