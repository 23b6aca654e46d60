"""The examples of the README run, its commands exist, and its links work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.option import options_of
from opentracing_zipkin.options import ConfigureOptions

from .pages import check_page

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs" / "reference" / "configuration.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_each_example_shows_its_trace_in_the_collector(tmp_path: Path) -> None:
    """Copied into files and run as the README says, each example prints what stands below it, and its trace arrives."""
    check_page("../README.md", tmp_path)


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_is_at_most_twelve_lines_of_code(code: str) -> None:
    """Each example is short enough to be read at a glance."""
    assert len([line for line in code.splitlines() if line.strip()]) <= 12


def test_the_one_line_is_one_line() -> None:
    """The example that traces an application in code names the tracer once."""
    assert 1 == EXAMPLES[1].count("opentracing_zipkin.")


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


def test_every_command_exists() -> None:
    """Each `make` target that the README names is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_the_readme_is_short() -> None:
    """The README has at most 150 lines."""

    assert len(README.splitlines()) <= 150
