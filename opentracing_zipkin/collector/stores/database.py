"""The file of the SQLite store: opened by one process, only in our format; and the meanings of SQLite's errors.

Rules: a file of another program is never written to.  An error becomes `StoreUnavailable`, one line that names the remedy.
Source: sqlite.org, "Write-Ahead Logging", "Result and Error Codes", "PRAGMA Statements".
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from . import StoreUnavailable

if sys.platform != "win32":
    from fcntl import LOCK_EX, LOCK_NB, flock

__all__ = ["Database"]

APPLICATION_ID = 0x5A504B53  # "ZPKS": we, and the program `file`, recognise our files by it
VERSION = 1  # the version of the tables; a file with a greater version is not opened
PAGE_BYTES = 8192
BUSY_TIMEOUT_S = 2.0  # how long a write waits for another program that reads the file
MAX_WAL_BYTES = 16 * 1024 * 1024

_TABLES = """
create table traces (number integer primary key, low_id integer not null unique, arrived_s integer not null);
create table spans (
    trace integer not null, digest integer not null, came integer not null, json blob not null,
    primary key (trace, digest)
) without rowid;
create table segments (first integer primary key, body blob not null);
create table pending (trace integer primary key);
create table totals (spans integer not null, came integer not null, next_trace integer not null);
insert into totals values (0, 0, 1);
"""

# A part of an error's text that tells its kind (Python 3.10 gives no code), the reason in our words, and the remedy.
_KINDS = (
    ("disk is full", "its disk is full", "free some space, or give a smaller --max-bytes"),
    ("disk i/o error", "its disk cannot be written or read", "look at the disk's space and health, or name another file"),
    ("file is not a database", "it is not an SQLite database", "name another file"),
    ("malformed", "it is damaged", "move it away and start again: a new one is made"),
    ("locked", "another process uses it", "end that process, or name another file"),
    ("readonly", "it cannot be written to", "give this user the right to write it, or name another file"),
    ("unable to open", "it cannot be opened or made", "name a file in a folder that exists and that this user may write to"),
)
_open_files: set[tuple[int, int]] = set()  # files that this process has open, by device and inode
_open_lock = Lock()


class Database:
    """Connections to one file: `writer` for one thread at a time, `reading` for any thread."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        self._lock_file = -1
        self._inode: tuple[int, int] | None = None
        with self.explained():
            self.writer = self._connect()
        try:
            with self.explained():
                self._check_format()
                self._claim()
                self._prepare()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        # With its folder: SQLite does not take a bare `:memory:` for a file name, and each connection would have its own
        # database.
        return sqlite3.connect(
            os.path.abspath(self.path), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Translate SQLite's errors into our words."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(self._explanation(error)) from error

    def _explanation(self, error: Exception) -> str:
        if self._closed:
            return f"the store in {self.path} is closed"
        text = str(error).lower()
        for mark, what, remedy in _KINDS:
            if mark in text:
                return f"spans cannot be kept in {self.path}: {what}; {remedy}"
        return f"spans cannot be kept in {self.path}: {error}; name another file"

    def refusal(self, what: str, remedy: str = "name another file") -> StoreUnavailable:
        """An error that we detected, worded like those of SQLite."""
        return StoreUnavailable(f"spans cannot be kept in {self.path}: {what}; {remedy}")

    def _check_format(self) -> None:
        [tables] = self.writer.execute("select count(*) from sqlite_master").fetchone()
        [application] = self.writer.execute("pragma application_id").fetchone()
        [version] = self.writer.execute("pragma user_version").fetchone()
        if tables and application != APPLICATION_ID:
            raise self.refusal("it is a database of another program")
        if version > VERSION:
            raise self.refusal(
                f"it was written by a newer version of this package (format {version}; this version reads format {VERSION})",
                "install that version, or name another file",
            )

    def _claim(self) -> None:
        """Make this process the file's only owner: the index is in memory, so two processes would miss each other's spans."""
        # SQLite makes the file only when it is first written.  Closing a descriptor of the file in this process would also
        # release SQLite's own locks.  So the descriptor stays open as long as these locks may be held, and the file is not
        # opened twice.
        self.path.touch()
        status = self.path.stat()
        inode = (status.st_dev, status.st_ino)
        with _open_lock:
            if inode in _open_files:
                raise self.refusal("this process has it open already", "use that store, or name another file")
            _open_files.add(inode)
        self._inode = inode
        self._lock_file = os.open(self.path, os.O_RDONLY)
        if sys.platform != "win32":  # on Windows only SQLite's own locks keep two collectors apart
            try:
                flock(self._lock_file, LOCK_EX | LOCK_NB)
            except OSError as error:
                raise self.refusal("another process uses it", "end that process, or name another file") from error

    def _prepare(self) -> None:
        execute = self.writer.execute
        [version] = execute("pragma user_version").fetchone()
        if not version:
            execute(f"pragma page_size = {PAGE_BYTES}")
            execute("pragma auto_vacuum = incremental")
        execute("pragma journal_mode = wal")
        execute("pragma synchronous = normal")
        execute(f"pragma journal_size_limit = {MAX_WAL_BYTES}")
        execute("pragma cache_size = -32768")  # 32 MiB
        if not version:
            self.writer.executescript(
                f"begin immediate; {_TABLES} pragma application_id = {APPLICATION_ID}; pragma user_version = {VERSION}; commit;"
            )
        execute("begin immediate")  # fails if the file cannot be written to
        execute("update totals set spans = spans")
        execute("commit")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, for one thread at a time; it is undone if anything is raised."""
        with self.explained():
            self.writer.execute("begin immediate")
            try:
                yield self.writer
                self.writer.execute("commit")
            except BaseException:
                # After some errors SQLite has already undone the transaction itself.
                with suppress(sqlite3.Error):
                    self.writer.execute("rollback")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread uses meanwhile."""
        with self.explained():
            if self._closed:
                raise sqlite3.ProgrammingError("closed")
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            finally:
                self._readers.append(connection)
                if self._closed:
                    self._close_readers()

    def page_bytes(self) -> tuple[int, int]:
        """The bytes of used pages, and the bytes of the file without its log."""
        with self.explained():
            [size] = self.writer.execute("pragma page_size").fetchone()
            [pages] = self.writer.execute("pragma page_count").fetchone()
            [free] = self.writer.execute("pragma freelist_count").fetchone()
        return (pages - free) * size, pages * size

    def shrink(self, pages: int) -> None:
        """Return up to `pages` free pages to the disk."""
        with self.explained():
            # With `executescript`, because SQLite returns one page in each step, and `execute` makes only one step for a
            # statement without columns.
            self.writer.executescript(f"pragma incremental_vacuum({pages})")

    def _close_readers(self) -> None:
        while self._readers:
            with suppress(IndexError, sqlite3.Error):
                self._readers.pop().close()

    def close(self) -> None:
        """Close the connections; a second call has no effect.  A thread that still reads closes its own when it is done.

        With the last connection, SQLite moves the log into the file and deletes it.
        """
        self._closed = True
        self._close_readers()
        self.writer.close()
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1
        with _open_lock:
            if self._inode is not None:
                _open_files.discard(self._inode)
                self._inode = None
