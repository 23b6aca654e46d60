"""The page is made from the measured results, and shows each target that is missed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bench
from bench import page
from bench.page import _bridged, _curves, _exports, _missed, _ratios, _requests, _services
from bench.table import Row

from . import whole_run


def _result(ratio: float) -> dict[str, Any]:
    row = {"task": "root", "measure": "least", "costs": {"ours": ratio, "limit": 1.0}, "ratios": {"limit": ratio}}
    return {"costs": {"rows": [row]}}


def test_what_is_missed_is_bold_and_named() -> None:
    """A ratio above its target is in bold in the table and is listed below it."""
    result = _result(1.75)

    assert "**1.75** (≤ 1.50)" in _ratios(result)
    assert "- root span: start, 2 tags, finish; caller, least burst: limit\n" in _missed(result)


def test_where_nothing_is_missed_the_page_says_so() -> None:
    """If no target is missed, the page says so, because an empty list could also mean that nothing was checked."""
    result = _result(1.5)

    assert "**" not in _ratios(result)
    assert "No target is missed in this run.\n" == _missed(result)


def _way(requests_per_s: float, cpu_ms: float, more_ms: float) -> dict[str, float]:
    more = {"more_ms": more_ms, "more_error_ms": 0.012}
    return {"requests_per_s": requests_per_s, "cpu_ms": cpu_ms, **more, "p50_ms": 3.1, "p99_ms": 9.9, "arrived": 1.0}


def test_services_are_told_beside_the_same_without_tracing_and_beside_opentelemetry() -> None:
    """Throughput is shown as a share of that without tracing, CPU time as the difference in the same round."""
    ways = {
        "without": _way(500.0, 2.0, 0.0),
        "headers alone": _way(490.0, 2.04, 0.04),
        "ours, 100%": _way(450.0, 2.1, 0.12),
        "otel, 100%": _way(400.0, 2.4, 0.4),
    }
    page = _services({"flask": ways})

    assert "| ours, 100% | 450 | 90% | 2.10 | +0.120 ± 0.012 | 3.1 | 9.9 | 100.0% |" in page
    assert "At 100 %, ours adds 30% ± 3% of the CPU that OpenTelemetry adds; without the headers, which both send, 22%." in page


def test_requests_are_told_beside_opentelemetry_and_by_layers() -> None:
    """A ratio above its target is in bold and listed; the cost of a layer is the difference to the layer before."""
    added = {
        "without": [500.0],
        "headers": [10.0],
        "extract": [15.0],
        "spans": [50.0],
        "ours": [80.0],
        "noop": [1.0],
        "bridged": [240.0],
    }
    page = _requests(
        {
            "flask": {"100%": {**added, "otel": [800.0]}, "1%": {**added, "otel": [400.0]}},
            "fastapi": {"100%": {**added, "otel": [400.0]}, "1%": {**added, "otel": [800.0]}},
        }
    )

    assert "| flask, 100% | 500 | 80 | 800 | 0.100 ± 0.000 (≤ 0.143) |" in page
    assert "| flask, 1% | 500 | 80 | 400 | **0.200 ± 0.000** (≤ 0.167) |" in page
    assert "\nTargets missed in this run: flask, 1%.\n" in page
    assert "| the received headers are read | 5 | 5 |" in page
    assert "the instrumentation adds 1 µs (flask) and 1 µs (fastapi);" in page
    assert "| flask | 800 | 240 | 0.300 ± 0.000 (≤ 0.700) |" in page
    assert "| fastapi | 400 | 240 | 0.600 ± 0.000 (≤ 0.700) |" in page


def test_instrumentations_of_opentelemetry_that_cost_too_much_on_our_provider_are_named() -> None:
    """The target of OpenTelemetry's instrumentations on our provider is relative to their cost on its SDK."""
    ways = ("without", "headers", "extract", "spans", "ours", "noop")
    added = {**{way: [10.0] for way in ways}, "otel": [400.0], "bridged": [300.0]}
    page = _requests({name: {"100%": added, "1%": added} for name in ("flask", "fastapi")})

    assert "| flask | 400 | 300 | **0.750 ± 0.000** (≤ 0.700) |" in page
    assert page.endswith("\nTargets missed in this run: flask; fastapi.\n")


def test_opentelemetrys_api_is_told_on_our_provider_and_on_its_sdk() -> None:
    """The costs of OpenTelemetry's API are shown on both providers, and only a root span has a target."""
    costs = {"ours": 1.0, "otel": 10.0, "bridged": 3.0}
    page = _bridged(
        [Row("root", "least", costs, {}), Row("extract", "least", costs, {}), Row("noop", "least", {"ours": 1.0}, {})]
    )

    assert "| root span: start, 2 tags, finish; caller, least burst, µs | 3.00 | 10.00 | **0.300** (≤ 0.250) |" in page
    assert "| extract B3, µs | 3.00 | 10.00 | 0.300 |" in page
    assert page.endswith("\nTargets missed in this run: root span: start, 2 tags, finish; caller, least burst, µs.\n")


def test_exports_are_told_beside_the_deprecated_exporter() -> None:
    """Each format is compared with the deprecated exporter and has a target."""
    page = _exports({"proto3": {"ours": [10.0], "old": [200.0]}, "json": {"ours": [8.0, 10.0], "old": [20.0, 20.0]}})

    assert "| proto3 | 200.0 | 10.0 | 0.050 (≤ 0.250) |" in page
    assert "| json | 20.0 | 9.0 | **0.450** (≤ 0.250) |" in page
    assert page.endswith("\nTargets missed in this run: json.\n")


def test_a_curve_has_a_line_for_each_point_and_a_column_for_each_tracer() -> None:
    """A curve has a row for each point of the first tracer, and a column for each tracer."""

    assert "| 10 spans a second, median cost, µs | 4.00 | 2.00 |" in _curves(
        {"rates": {"ours": {"10 median_us": 4.0}, "limit": {"10 median_us": 2.0}}}
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Records the numbers for each picture instead of drawing it, because drawing needs matplotlib."""
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
    """The page and its pictures are made from the file of a run only; nothing is measured for them."""
    file = tmp_path / "bench.json"
    whole_run.run(file, monkeypatch)

    assert 0 == page.main([str(file), "--folder", str(tmp_path / "docs")])
    text = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert "| fastapi | requests/s, at most |" in text
    assert "| growth | ours |" in text
    assert {"benchmarks.svg", "benchmarks-services.svg"} == set(drawn)
    assert f"are made of {file}" in capsys.readouterr().out


def test_of_another_python_the_costs_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: dict[str, Any]) -> None:
    """The ratios of another Python are below, under its name, and need the costs only."""
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
        (["--only", "costs"], "it lacks the requests, the exports, the curves, the services;"),
        (["--only", "curves,services"], "it lacks the costs, the requests, the exports;"),
        (["--tasks", "root,noop"], "it lacks the requests, the exports, the curves, the services; it lacks "),
        (["--rounds", "1"], "it was made with fewer rounds than 3;"),
    ],
)
def test_no_page_is_made_of_a_part(
    options: list[str], lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No page is made from a part of the results, and the existing page, which has everything, stays unchanged."""
    file = tmp_path / "bench.json"
    whole_run.run(file, monkeypatch, *options)

    assert 1 == page.main([str(file), "--folder", str(tmp_path / "docs")])
    error = capsys.readouterr().err
    assert f"no page is made of {file}: {lacking}" in error
    assert error.endswith("; run all of `make bench` again\n")
    assert not (tmp_path / "docs").exists()


def test_a_part_that_was_measured_alone_takes_the_place_of_its_chapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: dict[str, Any]
) -> None:
    """A part measured alone replaces its chapter and says when it was measured; the rest of the page stays unchanged."""
    whole, part = tmp_path / "bench.json", tmp_path / "exports.json"
    whole_run.run(whole, monkeypatch)
    whole_run.run(part, monkeypatch, "--only", "exports", "--starts", "2")
    page.main([str(whole), "--folder", str(tmp_path)])
    before = (tmp_path / "benchmarks.md").read_text()
    result = json.loads(part.read_text())
    result["exports"]["json"]["ours"] = [7.0]
    part.write_text(json.dumps(result))

    assert 0 == page.main(["--parts", str(part), "--folder", str(tmp_path)])
    after = (tmp_path / "benchmarks.md").read_text()
    assert "| json | 8.0 | 7.0 | **0.875** (≤ 0.250) |" in after
    assert "\n\nMeasured alone, in 2 starts.\nMeasured on " in after
    chapter = "## Exporting the spans of OpenTelemetry's SDK"
    assert before.partition(chapter)[0] == after.partition(chapter)[0]
    assert before.partition("## Services under load")[2] == after.partition("## Services under load")[2]
    assert 1 == after.count(chapter)


def test_a_part_is_put_into_a_page_that_had_no_such_chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New chapters are added before the chapter "Services under load", in the order of the files."""
    parts = [tmp_path / f"{name}.json" for name in ("requests", "costs", "exports")]
    for part in parts:
        whole_run.run(part, monkeypatch, "--only", part.stem)
    written = tmp_path / "benchmarks.md"
    written.write_text("# Costs\n\n## Ratios\n\n1\n\n## Services under load\n\n2\n")

    assert 0 == page.main(["--parts", *map(str, parts), "--folder", str(tmp_path)])
    assert [
        "## Ratios",
        "## What tracing adds to a request",
        "## OpenTelemetry's API without its SDK",
        "## Exporting the spans of OpenTelemetry's SDK",
        "## Services under load",
    ] == [line for line in written.read_text().splitlines() if line.startswith("## ")]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"exports": {}}, "it lacks requests, costs and exports"), ({"failures": ["lost"]}, "1 of its measurements failed")],
)
def test_no_chapter_is_made_of_what_has_none_or_failed(
    change: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No chapter is made from results that lack it or have failures, and the existing page stays unchanged."""
    part, written = tmp_path / "exports.json", tmp_path / "benchmarks.md"
    whole_run.run(part, monkeypatch, "--only", "exports")
    part.write_text(json.dumps({**json.loads(part.read_text()), **change}))
    written.write_text("## Services under load\n")

    assert 1 == page.main(["--parts", str(part), "--folder", str(tmp_path)])
    assert f"bench-page: no chapter is made of {part}: {said}" in capsys.readouterr().err
    assert "## Services under load\n" == written.read_text()


def test_no_page_is_made_of_a_run_with_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No page is made from a run with failures, because the page says that a run which loses a span fails."""
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
        ("{}", "no page is made of {file}: it lacks the costs, the requests, the exports, the curves, the services"),
    ],
)
def test_without_results_the_error_names_the_remedy(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If there are no usable results, the error names `make bench` as the remedy and shows no traceback."""
    file = tmp_path / "bench.json"
    if content is not None:
        file.write_text(content)

    assert 1 == page.main([str(file), "--folder", str(tmp_path / "docs")])
    error = capsys.readouterr().err
    assert said.format(file=file) in error
    assert "`make bench`" in error
