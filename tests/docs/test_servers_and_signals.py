"""The page about servers lists the tested servers, and its examples run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.apps.served import IMPORT, START_UP
from tests.integration.test_servers import SERVERS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "servers-and-signals.md").read_text()
EXAMPLES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
END = "\nimport os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)"


def test_the_table_is_that_of_the_servers_that_are_tried() -> None:
    """Each tested server has a row, with a "yes" for each place where the test calls `configure`."""
    rows = re.findall(r"^\| `(.*?)` \| (yes|) ?\| (yes|) ?\|$", PAGE, re.MULTILINE)
    tried = [
        (name, *("yes" if place in server.places else "" for place in (IMPORT, START_UP))) for name, server in SERVERS.items()
    ]

    assert tried == rows


@pytest.mark.parametrize(("example", "status", "printed"), [("leaves", 0, ""), ("calls", -15, "closing the shop\n")])
def test_the_examples_handle_sigterm(example: str, status: int, printed: str) -> None:
    """After SIGTERM, the first example leaves by `sys.exit`, the second one by the tracer's handler."""
    command = [sys.executable, "-u", "-c", EXAMPLES[example] + END]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (status, printed, "") == (result.returncode, result.stdout, result.stderr)


def test_each_example_is_tried() -> None:
    """The test above runs two examples; tests/docs/test_how_to.py runs the application."""

    assert ["shop", "leaves", "calls"] == list(EXAMPLES)
    assert 3 == PAGE.count("```python")
