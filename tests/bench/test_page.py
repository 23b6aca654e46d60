"""The page is made from what was measured, and hides nothing that is missed."""

from __future__ import annotations

from typing import Any

from bench.page import _curves, _missed, _ratios, _services


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


def test_a_curve_has_a_line_for_each_point_and_a_column_for_each_tracer() -> None:
    """The points are those of the first tracer."""

    assert "| 10 median us | 4.00 | 2.00 |" in _curves(
        {"rates": {"ours": {"10 median_us": 4.0}, "limit": {"10 median_us": 2.0}}}
    )
