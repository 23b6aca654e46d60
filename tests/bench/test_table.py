"""Ratios: ours over each other tracer's, of medians over the rounds."""

from __future__ import annotations

from bench.table import Row, markdown, rows
from bench.tasks import Measured


def _rounds(*least: float) -> list[Measured]:
    return [Measured(least=value, median=2 * value, cpu=3 * value, delivered=0) for value in least]


def test_a_ratio_is_of_the_medians_over_the_rounds() -> None:
    """One slow round changes nothing."""
    (row,) = rows({"extract": {"ours": _rounds(1.0, 9.0, 2.0), "limit": _rounds(4.0, 1.0, 5.0)}})

    assert {"ours": 2.0, "limit": 4.0} == row.costs
    assert {"limit": 0.5} == row.ratios


def test_a_paced_task_has_three_measures() -> None:
    """What is delivered has a row for the least burst, one for the median burst and one for the CPU."""
    table = rows({"root": {"ours": _rounds(1.0), "otel": _rounds(10.0)}})

    assert ["least", "median", "cpu"] == [row.measure for row in table]
    assert [1.0, 2.0, 3.0] == [row.costs["ours"] for row in table]


def test_a_tracer_whose_rounds_all_failed_has_no_ratio() -> None:
    """Nothing is compared with nothing."""
    (row,) = rows({"extract": {"ours": _rounds(1.0), "otel": []}})

    assert {"ours": 1.0} == row.costs
    assert {} == row.ratios
    assert row.met is None


def test_a_target_is_met_up_to_its_value() -> None:
    """The target of extract is 0.30 of OpenTelemetry's cost."""

    assert Row("extract", "least", {}, {"otel": 0.30}).met is True
    assert Row("extract", "least", {}, {"otel": 0.31}).met is False


def test_the_table_has_a_column_for_each_tracer_and_blanks_for_what_was_not_measured() -> None:
    """Ratios first, then the target, then the times."""
    table = rows({"encode_thrift": {"ours": _rounds(0.5), "limit": _rounds(0.25)}})
    head, rule, line = markdown(table, ["ours", "limit", "otel"]).split("\n")

    assert "| work | ours / limit | ours / otel | target | ours, µs | limit, µs | otel, µs |" == head
    assert "| --- | --: | --: | --: | --: | --: | --: |" == rule
    assert "| encode a rich span as Thrift v1 | 2.00 |  |  | 0.50 | 0.25 |  |" == line
