"""The how-to pages are true: their examples run as they stand, and their links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)


def test_a_serverless_function_has_sent_its_spans_when_it_answers() -> None:
    """The example, called twice; the process is killed after it has answered."""
    [code] = examples("serverless.md")
    end = "\nprint(handler({'image': 'a'}), handler({'image': 'b'}), flush=True)\nimport os; os._exit(0)"
    with Collector() as collector:
        environment = {**os.environ, "ZIPKIN_ENDPOINT": collector.url}
        command = [sys.executable, "-c", code + end]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

        assert ("{'status': 'done'} {'status': 'done'}\n", "") == (done.stdout, done.stderr)
        assert ["a", "b"] == sorted(span.tags["image"] for spans in collector.store.traces() for span in spans)


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("*.md")))
def test_links_lead_to_pages(page: str) -> None:
    """To files of the repository, from where the page stands."""
    links = re.findall(r"\]\((?!http|#)([^)#]*)", (PAGES / page).read_text())

    assert [] == [link for link in links if not (PAGES / link).exists()]
