"""The benchmark's command: the files that it writes, and those that it does not touch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import __main__ as command, results

from . import whole_run


def test_a_whole_run_leaves_all_that_a_page_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole run writes one file with everything for a page, and says how to make the page but does not make it."""
    file = tmp_path / "bench.json"

    assert 0 == whole_run.run(file, monkeypatch)
    assert [] == results.missing_parts(results.read(file))
    assert [file] == list(tmp_path.iterdir())
    assert "`make bench-page` makes docs/explanation/benchmarks.md from it." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "lacking"),
    [
        (["--quick"], "it lacks the requests, the exports, the curves, the services"),
        (["--tasks", "root"], "it lacks the requests, the exports, the curves, the services; it lacks "),
        (["--only", "curves,costs"], "it lacks the requests, the exports, the services"),
        (["--rounds", "1"], "it was made with fewer rounds than 3"),
        (["--starts", "2"], "it was made with fewer starts than 6"),
        (["--bursts", "5"], "it was made with fewer bursts than 60"),
        (["--spans", "1000"], "it was made with fewer spans than 1,000,000"),
    ],
)
def test_a_shortened_run_says_why_no_page_can_be_made_of_it(
    options: list[str], lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shortened run says at its end why no page can be made of it, not only when the page is asked for."""
    file = tmp_path / "bench.json"
    whole_run.run(file, monkeypatch, *options)

    assert f"{file} has the results; no page can be made from it: {lacking}" in capsys.readouterr().out


def test_what_was_measured_is_kept_where_a_later_part_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a later part fails, the results of the earlier parts are kept, because they took ten minutes."""
    monkeypatch.setattr(command, "_costs", lambda options, result: result.update(costs="measured"))
    monkeypatch.setattr(command, "_requests", lambda options, result: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        command.main(["--json", str(tmp_path / "folder" / "bench.json")])
    assert "measured" == json.loads((tmp_path / "folder" / "bench.json").read_text())["costs"]
