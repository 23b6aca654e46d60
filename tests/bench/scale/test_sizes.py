"""Sizes follow from the measurements by plain arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scale import tables
from bench.scale.figures import COLLECTOR, PARTITION, PROCESS, STORE, Carried, Figures, read, size, write

# 20 µs a process, 100,000 spans/s a partition, 25 µs a server, 200 spans/s into MariaDB.
CARRIED = (
    Carried(PROCESS, 1_000, 0.1, 0.02),
    Carried(PARTITION, 100_000, 1.0, 0.5, 40_000_000),
    Carried(COLLECTOR, 1_000, 0.1, 0.025),
    Carried(STORE, 1_000, 5.0, 1.5),
)
FIGURES = Figures("a machine", {each.link: each for each in CARRIED}, {"json": 400.0, "proto3, gzip": 40.0}, 1_000.0)


@pytest.mark.parametrize(
    ("spans_a_second", "expected"),
    [
        (1_000, (1_000, 0.02, 1, 1, 0.4, 0.04, 86.4, 0.1)),
        (100_000, (100_000, 2.0, 5, 5, 40.0, 4.0, 8_640.0, 0.001)),
        (10, (10, 0.0002, 1, 1, 0.004, 0.0004, 0.864, 1.0)),
    ],
)
def test_a_size_follows_from_half_of_what_each_link_carries(spans_a_second: int, expected: tuple[float, ...]) -> None:
    """Partitions and servers have half of their highest load, and each server has a partition."""
    found = size(FIGURES, spans_a_second)

    assert [pytest.approx(each) for each in expected] == list(found)


def test_partitions_follow_from_their_own_limit_where_that_is_lower() -> None:
    """If a partition takes less than a server reads, there are more partitions than servers."""
    slow = {**FIGURES.carried, PARTITION: Carried(PARTITION, 1_000, 1.0, 0.5)}
    found = size(FIGURES._replace(carried=slow), 100_000)

    assert (200, 5) == (found.partitions, found.servers)


def test_a_table_has_a_line_for_each_power_of_ten() -> None:
    """The table goes from a thousand to ten million spans a second, in two significant digits."""
    lines = tables.sizes(FIGURES).splitlines()

    assert ["1,000", "10,000", "100,000", "1,000,000", "10,000,000"] == [line.split(" | ")[0][2:] for line in lines[2:]]
    assert "| 100,000 | 2 | 5 | 5 | 40 | 4 | 8,600 | 0.1 % |" == lines[4]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A record that is written and read is unchanged."""
    write(FIGURES, tmp_path / "figures.json")

    assert FIGURES == read(tmp_path / "figures.json")
