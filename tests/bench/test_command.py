"""The benchmark's command: what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as command


@pytest.mark.parametrize("options", [["--quick"], ["--tasks", "root"], ["--adapters", "ours"], ["--only", "curves,costs"]])
def test_no_page_is_made_of_a_part(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that is there has everything, and stays."""
    measured: list[Any] = []
    for part in command.PARTS:
        monkeypatch.setattr(command, f"_{part}", lambda *arguments: measured.append(arguments))

    assert 0 == command.main([*options, "--page", str(tmp_path)])
    assert measured
    assert [] == list(tmp_path.iterdir())
    assert "No page was written" in capsys.readouterr().out


def test_a_page_is_made_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given what was measured, and the folder."""
    written: list[Any] = []
    for part in command.PARTS:
        monkeypatch.setattr(command, f"_{part}", lambda options, result, part=part: result.update({part: {}}))
    monkeypatch.setattr(command.page, "write", lambda results, folder: written.append((results, folder)))

    assert 0 == command.main(["--page", str(tmp_path)])
    [([result], folder)] = written
    assert tmp_path == folder
    assert set(command.PARTS) <= set(result)


def test_what_was_measured_is_kept_where_a_later_part_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It took ten minutes."""
    monkeypatch.setattr(command, "_costs", lambda options, result: result.update(costs="measured"))
    monkeypatch.setattr(command, "_curves", lambda options, result: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        command.main(["--json", str(tmp_path / "folder" / "bench.json")])
    assert "measured" == json.loads((tmp_path / "folder" / "bench.json").read_text())["costs"]
