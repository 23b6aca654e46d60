from __future__ import annotations

from pathlib import Path

import pytest

from bench.stores import SEARCHES, STORES, main, measure


@pytest.mark.parametrize("name", STORES)
def test_a_store_is_filled_and_asked(name: str, tmp_path: Path) -> None:
    """A store is filled with all spans and then searched, and the figures have the slowest of the searches."""
    store = STORES[name](tmp_path)
    found = measure(store, 2_000)

    assert (2_000, 200) == store.counts()[:2]
    assert found.slowest_search in SEARCHES
    assert min(found.spans_per_second, found.search_ms, found.trace_ms, found.kept_bytes) > 0
    store.close()


def test_the_command_prints_a_line_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints one line for each store, also for few spans."""
    assert 0 == main(["--spans", "500"])

    lines = capsys.readouterr().out.splitlines()
    assert ["memory", "sqlite"] == [line.split()[0] for line in lines[1:]]
