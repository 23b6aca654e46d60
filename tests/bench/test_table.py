"""Ratios of our cost to each other tracer's, from the medians over the rounds."""

from __future__ import annotations

from bench.table import Row, markdown, rows
from bench.tasks import Measured


def _rounds(*least: float) -> list[Measured]:
    return [Measured(least=value, median=2 * value, cpu=3 * value, delivered=0) for value in least]


def test_a_ratio_is_of_the_medians_over_the_rounds() -> None:
    """A ratio compares the medians over the rounds, so that one slow round changes nothing."""
    (row,) = rows({"extract": {"ours": _rounds(1.0, 9.0, 2.0), "limit": _rounds(4.0, 1.0, 5.0)}})

    assert {"ours": 2.0, "limit": 4.0} == row.costs
    assert {"limit": 0.5} == row.ratios


def test_a_paced_task_has_three_measures() -> None:
    """A paced task has one row for the least burst, one for the median burst and one for the CPU time."""
    table = rows({"root": {"ours": _rounds(1.0), "otel": _rounds(10.0)}})

    assert ["least", "median", "cpu"] == [row.measure for row in table]
    assert [1.0, 2.0, 3.0] == [row.costs["ours"] for row in table]


def test_a_tracer_whose_rounds_all_failed_has_no_ratio() -> None:
    """A tracer whose rounds all failed has no cost, no ratio and no missed target."""
    (row,) = rows({"extract": {"ours": _rounds(1.0), "otel": []}})

    assert {"ours": 1.0} == row.costs
    assert {} == row.ratios
    assert [] == row.missed_names


def test_a_target_is_met_up_to_its_value() -> None:
    """A ratio equal to its target meets it; the target of extract is 0.30 of OpenTelemetry's cost."""

    assert [] == Row("extract", "least", {}, {"otel": 0.30, "limit": 1.0}).missed_names
    assert ["otel"] == Row("extract", "least", {}, {"otel": 0.31, "limit": 1.0}).missed_names


def test_the_table_has_a_column_for_each_tracer_that_was_measured_and_blanks_for_what_was_not() -> None:
    """The ratios with their targets come first, then the costs; a missed ratio is in bold."""
    table = rows({"encode_thrift": {"ours": _rounds(0.5), "limit": _rounds(0.25)}, "noop": {"ours": _rounds(0.5)}})
    head, rule, thrift, noop = markdown(table, ["ours", "limit", "otel"]).split("\n")

    assert "| work | ours / limit | ours | limit |" == head
    assert "| --- | --: | --: | --: |" == rule
    assert "| encode a rich span as Thrift v1, µs | **2.00** (≤ 1.18) | 0.50 | 0.25 |" == thrift
    assert "| no-op root span, µs |  | 0.50 |  |" == noop


def test_an_import_may_cost_so_much_more_than_the_clients_that_it_needs() -> None:
    """The target of the import is a difference in milliseconds to the import of the client alone."""
    assert [] == Row("import", "least", {"ours": 110.0, "bare": 90.0}, {"bare": 1.22}).missed_names
    assert ["bare"] == Row("import", "least", {"ours": 111.0, "bare": 90.0}, {"bare": 1.23}).missed_names


def test_parts_of_a_peer_share_its_column() -> None:
    """OpenTelemetry's proto3 encoder needs its own environment, but its costs are in OpenTelemetry's column."""
    (row,) = rows({"encode_proto3": {"ours": _rounds(1.0), "otel_proto": _rounds(50.0)}})

    assert {"otel": 0.02} == row.ratios
