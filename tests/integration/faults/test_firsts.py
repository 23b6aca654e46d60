"""The first span of a process, which starts the reporter's thread: a sudden event at any of its lines loses nothing.

Each line has its own process, so the test tries a part of them, drawn by the seed that it prints; `make soak` tries all.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from ..test_processes import PROJECT

SEED = os.environ.get("FAULTS_SEED") or str(random.randrange(10**6))
# Per cent of the lines; FAULTS_SHARE sets another share.
SHARE = {"finish": 40, "thread": 8}
MIN_LINES = {"finish": 30, "thread": 150}  # with fewer lines the test would not see the tracer
TIMEOUT_S = 60


@pytest.mark.parametrize("where", ["finish", "thread"])
@pytest.mark.parametrize("what", ["garbage", "signal", "raise", "fork"])
def test_something_sudden_at_any_line_of_the_first_span(what: str, where: str) -> None:
    """At a line of the first span, the garbage collector or a signal handler finishes a span, or raises, or the process forks.

    Every span arrives once.  If a signal handler raises in the reporter's thread, the spans in its hands are counted instead.
    """
    share = os.environ.get("FAULTS_SHARE") or str(SHARE[where])
    print(f"FAULTS_SEED={SEED} FAULTS_SHARE={share}")
    command = [sys.executable, "-m", "tests.integration.faults.firsts", what, where, share]
    result = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "FAULTS_SEED": SEED},
        timeout=TIMEOUT_S if share != "100" else 600,
        check=False,
        capture_output=True,
        text=True,
    )
    *wrong, last = result.stdout.splitlines() or [""]

    assert (0, []) == (result.returncode, wrong), result.stderr[-3000:]
    assert int(last.removeprefix("lines ")) >= MIN_LINES[where]
