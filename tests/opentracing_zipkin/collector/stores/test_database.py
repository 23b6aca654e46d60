"""The store's file: which files are opened, and the messages for those that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from opentracing_zipkin.collector.stores import StoreUnavailable, database
from opentracing_zipkin.collector.stores.database import VERSION
from opentracing_zipkin.collector.stores.sqlite import SqliteStore

from .faults import HELD_BY, ended, holding, spans, sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spans.db"


def no_database(path: Path) -> None:
    path.write_text("once upon a time " * 1000)


def of_another_program(path: Path) -> None:
    sqlite(path, "create table recipes (name text)")


def of_a_newer_version(path: Path) -> None:
    SqliteStore(path).close()
    sqlite(path, f"pragma user_version = {VERSION + 1}")


def damaged(path: Path) -> None:
    filled = SqliteStore(path)
    filled.add(spans(1, 100))
    filled.close()
    data = path.read_bytes()
    path.write_bytes(data[:200] + b"\xa5" * (len(data) - 200))


def cut(path: Path) -> None:
    damaged(path)
    path.write_bytes(path.read_bytes()[:-5000])


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (no_database, "it is not an SQLite database; name another file"),
        (of_another_program, "it is a database of another program; name another file"),
        (
            of_a_newer_version,
            "it was written by a newer version of this package .format 2; this version reads format 1.; install",
        ),
        (damaged, "it is damaged; move it away and start again"),
        (cut, "it is damaged; move it away and start again"),
        (a_folder, "it cannot be opened or made; name a file in a folder that exists and that this user may write to"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused_and_not_touched(path: Path, made: Callable[[Path], None], reason: str) -> None:
    """A file that is not ours is refused with its fault and the remedy in one line, and is not changed."""
    made(path)
    before = path.read_bytes() if path.is_file() else b""

    with pytest.raises(StoreUnavailable, match=f"spans cannot be kept in {path}: {reason}"):
        SqliteStore(path)
    assert before == (path.read_bytes() if path.is_file() else b"")


@pytest.mark.parametrize("folder", ["/proc/self", "/nowhere"])
def test_a_folder_that_cannot_be_written_to_is_refused(folder: str) -> None:
    """A folder that does not exist, or that cannot be written to, is refused."""
    with pytest.raises(StoreUnavailable, match="it cannot be opened or made; name a file in a folder that exists"):
        SqliteStore(f"{folder}/spans.db")


def test_a_file_that_this_process_has_open_is_refused(path: Path) -> None:
    """A second store on one file is refused, because they would not see each other's spans; after `close` it can be opened."""
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match="this process has it open already"):
        SqliteStore(path)
    store.add(spans(1))
    store.close()

    again = SqliteStore(path)
    assert [10] == list(map(len, again.traces()))
    again.close()


@pytest.mark.parametrize("how", HELD_BY)
def test_a_file_that_another_process_holds_is_refused(path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another process holds is refused with the remedy; it can be opened when that process has ended."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    SqliteStore(path).close()
    process = holding(path, how)
    try:
        with pytest.raises(StoreUnavailable, match="another process uses it; end that process, or name another file"):
            SqliteStore(path)
    finally:
        ended(process)
    SqliteStore(path).close()
