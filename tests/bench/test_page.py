"""The page is made from what was measured, and hides nothing that is missed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bench
from bench import page
from bench.page import _curves, _missed, _ratios, _requests, _services

from . import whole_run


def _result(ratio: float) -> dict[str, Any]:
    row = {"task": "root", "measure": "least", "costs": {"ours": ratio, "limit": 1.0}, "ratios": {"limit": ratio}}
    return {"costs": {"rows": [row]}}


def test_what_is_missed_is_bold_and_named() -> None:
    """A ratio above its bound stands in bold in the table and in the list below it."""
    result = _result(1.75)

    assert "**1.75** (≤ 1.50)" in _ratios(result)
    assert "- root span: start, 2 tags, finish; caller, least burst: limit\n" in _missed(result)


def test_where_nothing_is_missed_the_page_says_so() -> None:
    """Silence would leave open whether anything was looked at."""
    result = _result(1.5)

    assert "**" not in _ratios(result)
    assert "None is missed in this run.\n" == _missed(result)


def _way(requests_per_s: float, cpu_ms: float, more_ms: float) -> dict[str, float]:
    more = {"more_ms": more_ms, "more_error_ms": 0.012}
    return {"requests_per_s": requests_per_s, "cpu_ms": cpu_ms, **more, "p50_ms": 3.1, "p99_ms": 9.9, "arrived": 1.0}


def test_services_are_told_beside_the_same_without_tracing_and_beside_opentelemetry() -> None:
    """Throughput as a share of that without tracing, CPU as what it takes more in the same round."""
    ways = {
        "without": _way(500.0, 2.0, 0.0),
        "headers alone": _way(490.0, 2.04, 0.04),
        "ours, 100%": _way(450.0, 2.1, 0.12),
        "otel, 100%": _way(400.0, 2.4, 0.4),
    }
    page = _services({"flask": ways})

    assert "| ours, 100% | 450 | 90% | 2.10 | +0.120 ± 0.012 | 3.1 | 9.9 | 100.0% |" in page
    assert "at 100 %, ours takes 30% ± 3%; beyond the headers, which both send, 22%." in page


def test_requests_are_told_beside_opentelemetry_and_by_layers() -> None:
    """A ratio above its bound is bold and named; a layer's cost is the difference to the one before."""
    added = {"without": [500.0], "headers": [10.0], "extract": [15.0], "spans": [50.0], "ours": [80.0], "noop": [1.0]}
    page = _requests(
        {
            "flask": {"100%": {**added, "otel": [800.0]}, "1%": {**added, "otel": [400.0]}},
            "fastapi": {"100%": {**added, "otel": [400.0]}, "1%": {**added, "otel": [800.0]}},
        }
    )

    assert "| flask, 100% | 500 | 80 | 800 | 0.100 ± 0.000 (≤ 0.143) |" in page
    assert "| flask, 1% | 500 | 80 | 400 | **0.200 ± 0.000** (≤ 0.167) |" in page
    assert "\nMissed in this run: flask, 1%.\n" in page
    assert "| the headers that were received are read | 5 | 5 |" in page
    assert "it adds 1 µs (flask) and 1 µs (fastapi);" in page


def test_a_curve_has_a_line_for_each_point_and_a_column_for_each_tracer() -> None:
    """The points are those of the first tracer."""

    assert "| 10 median us | 4.00 | 2.00 |" in _curves(
        {"rates": {"ours": {"10 median_us": 4.0}, "limit": {"10 median_us": 2.0}}}
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is drawn into which picture, in place of drawing it, which needs matplotlib."""
    pictures: dict[str, Any] = {}

    def draw(numbers: Any, path: Path) -> None:
        pictures[path.name] = numbers

    stand_in = SimpleNamespace(ratios=draw, services=draw)
    monkeypatch.setitem(sys.modules, "bench.plot", stand_in)
    monkeypatch.setattr(bench, "plot", stand_in, raising=False)
    return pictures


def test_the_page_is_made_of_what_a_run_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is enough: nothing is measured for the page or for its pictures."""
    file = tmp_path / "bench.json"
    whole_run.run(file, monkeypatch)

    assert 0 == page.main([str(file), "--folder", str(tmp_path / "docs")])
    text = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert "| fastapi | requests/s, at most |" in text
    assert "| growth | ours |" in text
    assert {"benchmarks.svg", "benchmarks-services.svg"} == set(drawn)
    assert f"are made of {file}" in capsys.readouterr().out


def test_of_another_python_the_costs_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: dict[str, Any]) -> None:
    """Its ratios stand below, under the name of that Python."""
    whole, other = tmp_path / "bench.json", tmp_path / "other.json"
    whole_run.run(whole, monkeypatch)
    whole_run.run(other, monkeypatch, "--only", "costs")
    result = json.loads(other.read_text())
    result["machine"]["python"] = "3.99.0"
    other.write_text(json.dumps(result))

    assert 0 == page.main([str(whole), str(other), "--folder", str(tmp_path)])
    assert "\n## On Python 3.99.0\n" in (tmp_path / "benchmarks.md").read_text()


@pytest.mark.parametrize(
    ("options", "lacking"),
    [
        (["--only", "costs"], "it lacks the requests, the curves, the services;"),
        (["--only", "curves,services"], "it lacks the costs, the requests;"),
        (["--tasks", "root,noop"], "it lacks the requests, the curves, the services; it lacks "),
        (["--rounds", "1"], "it was made with fewer rounds than 3;"),
    ],
)
def test_no_page_is_made_of_a_part(
    options: list[str], lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page that is there has everything, and stays."""
    file = tmp_path / "bench.json"
    whole_run.run(file, monkeypatch, *options)

    assert 1 == page.main([str(file), "--folder", str(tmp_path / "docs")])
    error = capsys.readouterr().err
    assert f"no page is made of {file}: {lacking}" in error
    assert error.endswith("; run all of `make bench` again\n")
    assert not (tmp_path / "docs").exists()


def test_no_page_is_made_of_a_run_with_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page says that a run which loses a span fails; so it shows none."""
    file = tmp_path / "bench.json"
    whole_run.run(file, monkeypatch)
    file.write_text(json.dumps({**json.loads(file.read_text()), "failures": ["ours, root, round 1: a span is missing"]}))

    assert 1 == page.main([str(file), "--folder", str(tmp_path / "docs")])
    assert "1 of its measurements failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there are no results in {file}; run `make bench` first"),
        ('{"costs": ', "{file} cannot be read as results"),
        ("[]", "{file} has no results"),
        ("{}", "no page is made of {file}: it lacks the costs, the requests, the curves, the services"),
    ],
)
def test_without_results_the_error_names_the_remedy(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is `make bench`, and no traceback."""
    file = tmp_path / "bench.json"
    if content is not None:
        file.write_text(content)

    assert 1 == page.main([str(file), "--folder", str(tmp_path / "docs")])
    error = capsys.readouterr().err
    assert said.format(file=file) in error
    assert "`make bench`" in error
