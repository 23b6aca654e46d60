"""The how-to pages are true: their examples run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector
from tests.interop.test_run import SERVERS

from .pages import check_page

FOLDER = Path(__file__).parents[2] / "docs" / "how-to"


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (FOLDER / page).read_text("utf-8"), re.DOTALL)


def test_a_serverless_function_has_sent_its_spans_when_it_answers() -> None:
    """The page's function has sent its spans before it returns: none is lost if the process is killed then."""
    [code] = examples("serverless.md")
    end = "\nprint(handler({'image': 'a'}), handler({'image': 'b'}), flush=True)\nimport os; os._exit(0)"
    with Collector() as collector:
        environment = {**os.environ, "ZIPKIN_ENDPOINT": collector.url}
        command = [sys.executable, "-c", code + end]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

        assert ("{'status': 'done'} {'status': 'done'}\n", "") == (done.stdout, done.stderr)
        assert ["a", "b"] == sorted(span.tags["image"] for spans in collector.store.traces() for span in spans)


def test_the_examples_of_testing_are_tests_that_pass(tmp_path: Path) -> None:
    """All examples of the page, in the file that it names and with warnings as errors, are as many passing tests as it says."""
    [(name, count)] = re.findall(
        r"^\$ python -m pytest -q (\w+\.py)\n(\d+) passed", (FOLDER / "testing.md").read_text("utf-8"), re.MULTILINE
    )
    (tmp_path / name).write_text("\n".join(examples("testing.md")))
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio", name],
        cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip

    assert 0 == result.returncode, result.stdout
    assert f"{count} passed" in result.stdout


def test_the_examples_for_greenlets_patch_first() -> None:
    """Each library has an example that patches first; tests/interop/test_how_to.py runs them with gevent and eventlet."""
    begins = [code.split("\n\n")[:2] for code in examples("gevent-and-eventlet.md")[:2]]

    assert ["from gevent import monkey", "monkey.patch_all()"] == begins[0]
    assert ["import eventlet", "eventlet.monkey_patch()"] == begins[1]


PAGES_WITH_TRACES = [
    "getting-started.md",
    "how-to/any-wsgi-or-asgi-application.md",
    "how-to/baggage.md",
    "how-to/by-hand.md",
    "how-to/console.md",
    "how-to/django.md",
    "how-to/fastapi-and-starlette.md",
    "how-to/flask.md",
    "how-to/http-clients.md",
    "how-to/logging.md",
    "how-to/opentelemetry-exporter.md",
    "how-to/redaction.md",
    "how-to/sampling.md",
    "how-to/servers-and-signals.md",
    "how-to/span-handlers.md",
    "how-to/the-command.md",
    "how-to/threads.md",
    "how-to/your-own-library.md",
    "reference/http.md",
]


@pytest.mark.parametrize("page", PAGES_WITH_TRACES)
def test_a_page_ends_with_the_trace_that_its_reader_sees(page: str, tmp_path: Path) -> None:
    """The files, commands and requests of the page, from its top to its end, give the traces that it shows."""
    check_page(page, tmp_path)


def test_the_table_of_servers_is_that_of_those_that_are_tried() -> None:
    """The page lists the servers of tests/interop/test_run.py; tests/integration/test_processes.py tests uWSGI."""
    rows = re.findall(r"^\| `(.*?)` \| yes \|$", (FOLDER / "the-command.md").read_text("utf-8"), re.MULTILINE)

    assert list(SERVERS) == rows
