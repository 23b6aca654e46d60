"""Findings are printed for a reader, for a pipe and for a program."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.doctor.report import (
    FAULT,
    OK,
    WARNING,
    Finding,
    Kind,
    Setting,
    as_json,
    exit_status,
    finding_lines,
    setting_lines,
)

BAD = Kind("bad", FAULT, "answer", "{url} says {said}", "ask {url} for less")


def doctor(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a clean environment."""
    environment = {"PATH": "", "ZIPKIN_SERVICE_NAME": "shop", **settings}
    command = [sys.executable, "-m", "opentracing_zipkin", "doctor", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_finding_is_a_mark_a_check_and_what_was_found_and_beneath_it_the_remedy() -> None:
    """All lines of a finding's text begin in the same column."""
    lines = list(finding_lines(Finding(WARNING, "clock", "it is late", "go home"), io.StringIO()))

    assert ["warning  clock            it is late", "                            go home"] == lines


def test_a_long_finding_is_wrapped_below_itself() -> None:
    """In a pipe a line has at most a hundred columns, and no word is cut."""
    lines = list(finding_lines(Finding(OK, "name", "word " * 30, ""), io.StringIO()))

    assert len(lines) > 1
    assert [True] * len(lines) == [len(line) <= 100 for line in lines]
    assert [" " * 26] * (len(lines) - 1) == [line[:26] for line in lines[1:]]


def test_a_list_of_remedies_is_told_as_a_list() -> None:
    """Each remedy of a list begins on its own line, and its wrapped text is indented below it."""
    lines = list(finding_lines(Finding(OK, "name", "x", "do:\n1. one\n2. " + "two " * 30), io.StringIO()))

    assert ["do:", "1. one", "2. two two"] == [line[:38].strip() for line in lines[1:4]]
    assert " " * 31 + "two" == lines[4][:34]


def test_words_of_a_server_are_printable_cut_and_on_one_line() -> None:
    """A server's text is one shortened line without control characters."""
    finding = BAD(url="http://z", said="\x1b[2Jgone\r\nok  all is well {url} " + "x" * 1000)

    assert finding.text.isprintable()
    assert finding.text.startswith(r"http://z says \x1b[2Jgone ok all is well {url} xxx")
    assert len(finding.text) < 500
    assert (FAULT, "answer", "ask http://z for less", "bad") == (finding.status, finding.check, finding.remedy, finding.code)


@pytest.mark.parametrize(("statuses", "expected"), [((), 0), ((OK, WARNING), 0), ((OK, FAULT, WARNING), 1)])
def test_a_fault_makes_the_exit_status(statuses: tuple[str, ...], expected: int) -> None:
    """A fault makes the exit status 1, and a warning does not, because it explains no missing span by itself."""

    assert expected == exit_status([Finding(status, "a", "b") for status in statuses])


def test_settings_that_somebody_has_set_are_told_and_others_counted() -> None:
    """Set and important settings are listed, long values are cut, and the rest is counted."""
    settings = [Setting("endpoint", "http://z", "default"), Setting("w3c", "False", "default"), Setting("auth", "x" * 200, "V")]
    lines = list(setting_lines(settings, io.StringIO()))

    assert ["endpoint  default  http://z", "the other 1 settings have their defaults; --json lists all settings"] == [
        lines[0],
        lines[2],
    ]
    assert lines[1].startswith("auth      V        xxx")
    assert (100, "x...") == (len(lines[1]), lines[1][-4:])


def test_the_shape_for_programs_is_stable() -> None:
    """The JSON has these names with texts as values, and the status of the worst finding."""
    shape = as_json([Setting("w3c", "True", "ZIPKIN_W3C")], [("flask", "3.1", "instrumented")], [BAD(url="u", said="no")])

    assert {
        "version": 1,
        "status": "fault",
        "settings": [{"name": "w3c", "value": "True", "from": "ZIPKIN_W3C"}],
        "libraries": [{"name": "flask", "version": "3.1", "state": "instrumented"}],
        "findings": [{"status": "fault", "check": "answer", "code": "bad", "text": "u says no", "remedy": "ask u for less"}],
    } == shape


def test_all_well_is_status_0() -> None:
    """With the embedded collector, which shows the probes, the exit status is 0."""
    with Collector() as collector:
        url = collector.url
        done = doctor(ZIPKIN_ENDPOINT=url)

    assert (0, "") == (done.returncode, done.stderr)
    assert f"endpoint      ZIPKIN_ENDPOINT      {url}\n" in done.stdout
    assert "\nok       query " in done.stdout
    assert "nothing was found that explains missing spans" in done.stdout


def test_a_fault_is_status_1_and_json_is_json() -> None:
    """With `--json`, standard output has only JSON, and standard error is empty."""
    done = doctor("--json", ZIPKIN_ENDPOINT="http://127.0.0.1:1", ZIPKIN_SAMPLE_RATE="0", ZIPKIN_ENDPIONT="x")
    found: Mapping[str, list[dict[str, str]]] = json.loads(done.stdout)

    assert (1, "") == (done.returncode, done.stderr)
    assert ["misspelt", "sampled-none", "refused"] == [one["code"] for one in found["findings"] if one["status"] == "fault"]
    assert {"flask", "requests"} <= {one["name"] for one in found["libraries"]}


@pytest.mark.parametrize("arguments", [("--url", "localhost:8000"), ("--url", "http://me:hunter2@"), ("--jsno",)])
def test_wrong_use_is_status_2_with_the_remedy(arguments: tuple[str, ...]) -> None:
    """Wrong use ends with status 2 and a remedy on standard error, without credentials."""
    done = doctor(*arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert "doctor" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_pipe_that_is_closed_ends_it_in_peace() -> None:
    """A closed pipe, as in `doctor | head -1`, ends the command without a traceback."""
    command = f'"{sys.executable}" -m opentracing_zipkin doctor | head -1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)

    assert "" == done.stderr
    assert 1 == done.stdout.count("\n")
