"""`python -m tests.fleet` refuses in clear words what it cannot do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ..integration.server_process import ServerUnavailable
from . import __main__ as command, kafka
from .balance import Balance


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for logs that is not that of a real run."""
    monkeypatch.setattr(command, "LOGS", tmp_path)


@pytest.mark.parametrize("option", ["--minutes", "--rate", "--producers"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
def test_a_wrong_number_is_refused_before_anything_starts(
    option: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the option and the value."""
    monkeypatch.setattr(sys, "argv", ["fleet", f"{option}={value}"])

    with pytest.raises(SystemExit) as raised:
        command.main()
    assert 2 == raised.value.code
    assert f"argument {option}: '{value}' is no number above 0" in capsys.readouterr().err


@pytest.mark.parametrize(("wrong", "status", "last"), [([], 0, "the balance is right"), (["lost"], 1, "1 things are wrong")])
def test_a_wrong_balance_is_an_exit_status(
    wrong: list[str],
    status: int,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command exits with 1, and prints a line for each thing that is wrong."""
    monkeypatch.setattr(sys, "argv", ["fleet", "--only", "kafka"])
    monkeypatch.setattr(kafka, "run", lambda *_: Balance([("finished", 1, "")], wrong))

    assert status == command.main()
    said = capsys.readouterr().out
    assert last in said
    assert wrong == [line.removeprefix("WRONG: ") for line in said.splitlines() if line.startswith("WRONG: ")]


def test_a_server_that_is_missing_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The remedy is in the message."""

    def unavailable(*_: object) -> Balance:
        raise ServerUnavailable("mvn is not installed; install it")

    monkeypatch.setattr(sys, "argv", ["fleet", "--only", "kafka"])
    monkeypatch.setattr(kafka, "run", unavailable)

    assert 1 == command.main()
    assert "fleet: mvn is not installed; install it\n" == capsys.readouterr().err
