"""The result of a run: one JSON file with everything that the page and its pictures show.

Rules: a page is only made from a whole run.  A shortened run, or one with failures, is refused with the remedy, and the page
stays unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .curves import GROWTH_SPANS
from .harness import ADAPTERS
from .tasks import TASKS

__all__ = ["BURSTS", "PARTS", "ROUNDS", "STARTS", "Result", "Unusable", "check_whole", "missing_parts", "read", "write"]

Result = dict[str, Any]

PARTS = ("costs", "requests", "exports", "curves", "services")
ROUNDS = 3
BURSTS = 60
STARTS = 6

# The least values of the options in a whole run.
MIN_OPTIONS = {"rounds": ROUNDS, "bursts": BURSTS, "spans": GROWTH_SPANS, "starts": STARTS}


class Unusable(Exception):
    """No page can be made of these results; the message tells the reason and the remedy."""


def write(result: Result, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")


def read(file: Path) -> Result:
    """The results in a file.  Raises Unusable if the file does not exist or holds something else."""
    try:
        result = json.loads(file.read_text())
    except FileNotFoundError:
        raise Unusable(f"there are no results in {file}; run `make bench` first, for twenty minutes") from None
    except ValueError as error:
        raise Unusable(f"{file} cannot be read as results ({error}); run `make bench` again") from error
    if not isinstance(result, dict):
        raise Unusable(f"{file} has no results; run `make bench` again")
    return result


def check_whole(result: Result, file: Path, parts: Sequence[str] = PARTS) -> None:
    """Raise Unusable, with all that is missing, if these parts of the results are not those of a whole run."""
    missing = missing_parts(result, parts)
    if missing:
        raise Unusable(f"no page is made of {file}: {'; '.join(missing)}; run all of `make bench` again")


def missing_parts(result: Result, parts: Sequence[str] = PARTS) -> list[str]:
    """The parts that a whole run has and these results lack, in words; empty if they lack none."""
    missing = [f"the {part}" for part in parts if not result.get(part)]
    return [
        *([f"it lacks {', '.join(missing)}"] if missing else []),
        *(_unmeasured(result["costs"]) if result.get("costs") else []),
        *_shortened(result.get("options", {})),
        *([f"{len(result['failures'])} of its measurements failed"] if result.get("failures") else []),
    ]


def _unmeasured(costs: dict[str, Any]) -> Iterator[str]:
    wanted = {(task, name) for task in TASKS for name, contestant in ADAPTERS.items() if task in contestant.tasks}
    measured = {(task, name) for task, of_adapters in costs["rounds"].items() for name, rounds in of_adapters.items() if rounds}
    if wanted - measured:
        yield f"it lacks {len(wanted - measured)} of {len(wanted)} costs"
    if costs["rounds"].keys() - TASKS.keys():
        yield "it was measured by another version of the benchmark"


def _shortened(options: dict[str, int]) -> Iterator[str]:
    for name, least in MIN_OPTIONS.items():
        if options.get(name, 0) < least:
            yield f"it was made with fewer {name} than {least:,}"
