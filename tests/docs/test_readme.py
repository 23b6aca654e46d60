"""The examples of the README run, its commands exist, and its links work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.option import options_of
from opentracing_zipkin.options import ConfigureOptions

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs" / "reference" / "configuration.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(code: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=30, check=False
    )
    assert (0, "") == (result.returncode, result.stderr)
    return result.stdout


def test_the_first_example_is_one_line_that_traces_an_application() -> None:
    """One line of the example traces the application: one span arrives, and is named by its route."""
    with Collector() as collector:
        printed = run(EXAMPLES[0], ZIPKIN_ENDPOINT=collector.url)
        [[span]] = collector.store.traces()

    assert "Hello, Amy!\n" == printed
    assert ("get /hello/{name}", "SERVER") == (span.name, span.kind)
    assert 1 == EXAMPLES[0].count("opentracing_zipkin.")


def test_the_example_by_hand_reports_its_trace() -> None:
    """The example sends two spans, and the printed headers have the id of the second one."""
    with Collector() as collector:
        printed = run(EXAMPLES[1], ZIPKIN_ENDPOINT=collector.url)
        [trace] = collector.store.traces()

    assert {"order", "pay"} == {span.name for span in trace}
    [call] = [span for span in trace if span.kind == "CLIENT"]
    assert call.remote is not None
    assert "bank" == call.remote.service_name
    assert f"'x-b3-spanid': '{call.span_id}'" in printed


@pytest.mark.parametrize("code", EXAMPLES[:2])
def test_the_first_examples_are_ten_lines_of_code(code: str) -> None:
    """The first two examples have at most ten lines of code."""
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("code", EXAMPLES[2:])
def test_the_other_examples_run_without_a_tracer(code: str) -> None:
    """The other examples run on the no-op, as any instrumented code does."""

    assert "hello, amy!" in run(code).lower()


def settings(page: str) -> dict[str, str]:
    """The name and the default of each row in a table of settings."""
    rows = re.findall(r"^\| (`.*?`.*?) \| (.*?) \|", page, re.MULTILINE)
    return {name: default.strip("`") for names, default in rows for name in re.findall(r"`(\w+)`", names)}


def test_the_table_of_settings_is_complete_and_its_defaults_are_right() -> None:
    """The tables have exactly the settings of ZipkinTracer and of `configure`, and the README has some of their rows."""
    import inspect

    parameters = inspect.signature(ZipkinTracer).parameters
    documented = settings(CONFIGURATION)
    parts = {"sampler", "propagation", "recorder", "sender", "clock", "scope_manager"}

    assert {*parameters} - parts | {*options_of(ConfigureOptions)} == set(documented)
    for name, default in documented.items():
        if default not in ("required", "none", "found") and name in parameters:
            assert default == str(parameters[name].default)
    assert settings(README).items() <= documented.items()


def test_the_tables_of_settings_are_made_from_the_declarations() -> None:
    """The tables are equal to those that `make settings` writes."""
    command = [sys.executable, str(ROOT / "scripts" / "write-settings"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (0, "") == (checked.returncode, checked.stderr)


def test_every_command_and_link_exists() -> None:
    """Every target of the Makefile and every file that the README names exists."""
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets
    assert all((ROOT / link).exists() for link in re.findall(r"\]\((?!http)(.*?)\)", README))


def test_the_readme_is_short() -> None:
    """The README has at most 150 lines."""

    assert len(README.splitlines()) <= 150
