"""The page on scale is what its record makes of its template."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scale import page, tables
from bench.scale.figures import read


def test_the_page_is_made_of_its_record() -> None:
    """The test fails after an edit by hand, or after a new record without its page."""
    assert page.made(read(page.RECORD)) == page.PAGE.read_text()


def test_each_table_of_the_page_is_computed() -> None:
    """Every line of a table comes from the record."""
    figures = read(page.RECORD)
    computed = "\n".join((tables.carried(figures), tables.sizes(figures), tables.message_bytes(figures))).splitlines()

    assert computed == [line for line in page.PAGE.read_text().splitlines() if line.startswith("|")]


@pytest.mark.parametrize("text", ["", "[]", '{"machine": "one"}', '{"carried": [{"link": 1}]}'])
def test_a_file_without_results_changes_nothing_and_names_the_remedy(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Record and page stay unchanged, and the message names the target that measures."""
    before = page.RECORD.read_text(), page.PAGE.read_text()
    (tmp_path / "result.json").write_text(text)

    assert 1 == page.main([str(tmp_path / "result.json")])
    assert "run `make scale` first" in capsys.readouterr().err
    assert before == (page.RECORD.read_text(), page.PAGE.read_text())
