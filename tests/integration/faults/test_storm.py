"""Eight threads, forks and a collector that fails in several ways, all at once."""

from __future__ import annotations

import json
import subprocess
import sys

from ..counting import CountingCollector
from ..test_processes import PROJECT
from .storm import CHILDREN

SECONDS = 5.0
FAULTS = [
    ("none", 0.7), ("unavailable", 0.7), ("reset", 0.7), ("none", 0.3), ("half an answer", 0.7), ("refused", 0.7),
    ("silence", 0.7), ("none", 3600),
]  # fmt: skip


def test_every_process_account_is_exact_under_threads_forks_and_faults() -> None:
    """Each process's own count equals the sent and dropped spans of its account, and all sent spans have arrived."""
    with CountingCollector(FAULTS) as collector:
        command = [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            "-m",
            "tests.integration.faults.storm",
            collector.url,
            str(SECONDS),
        ]
        result = subprocess.run(command, cwd=PROJECT, timeout=90, check=False, capture_output=True, text=True)
    processes = [json.loads(line) for line in result.stdout.splitlines()]
    print(*processes, f"again: {collector.again}", sep="\n")

    assert (0, "", CHILDREN + 1) == (result.returncode, result.stderr, len(processes))
    for told in processes:
        assert told["own"] == told["finished"] == told["sent"] + sum(told["dropped"].values())
        assert (0, 0) == (told["queued"], told["in_flight"])
        assert told["own"] > 100
        assert {"full"} >= told["dropped"].keys()
    assert sum(told["sent"] for told in processes) == collector.distinct
