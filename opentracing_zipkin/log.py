"""The tracer's log.  Every line is printable and of limited length, whatever foreign text it contains.

Rules: a collector's answer, a header or an exception's text may contain escape sequences for a terminal, or a line end and then
a forged log line.  Such a line is escaped and cut; any other stays as it is, with its arguments.  Nothing raises here, because
the application's thread may be logging.  Nothing waits either: a line is left out where it would go to a pipe or a terminal
that is full and that nobody reads.
"""

from __future__ import annotations

import logging
import select
import traceback
from collections.abc import Iterator
from contextlib import suppress
from types import BuiltinFunctionType
from typing import Any

from .text import printable

__all__ = ["MAX_LINE", "is_first", "is_stuck", "log"]

MAX_LINE = 1000  # characters of a line, and of each exception's text in a traceback

# Windows has no `poll`.  gevent's `poll` is a class, and is not used, because it would make a hub for this thread.
_poll: Any = getattr(select, "poll", None)
_can_poll = isinstance(_poll, BuiltinFunctionType)

_BEGIN = "Traceback (most recent call last):\n"

log = logging.getLogger("opentracing_zipkin")

_topics: set[str] = set()  # the topics of the lines that are logged once in a process


def is_first(topic: str) -> bool:
    """Whether this is the first line about a topic in this process; remembers the topic."""
    if topic in _topics:
        return False
    _topics.add(topic)
    return True


def is_stuck(fd: int) -> bool:
    """Whether a line that is written to this descriptor would wait for a reader; False where that is not known."""
    if fd < 0 or not _can_poll:
        return False
    with suppress(Exception):
        poll = _poll()
        poll.register(fd, select.POLLOUT)
        return not poll.poll(0)
    return False


def _is_taken_at_once(record: logging.LogRecord) -> bool:
    """Whether each stream takes the line at once; a logging filter.

    Otherwise the end of a process, and its last spans, would wait for a reader of stderr who does not exist.
    """
    return not any(record.levelno >= handler.level and is_stuck(_descriptor_of(handler)) for handler in _handlers())


def _handlers() -> Iterator[logging.Handler]:
    logger: logging.Logger | None = log
    found = False
    while logger is not None:
        found = found or bool(logger.handlers)
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None
    if not found and logging.lastResort is not None:
        yield logging.lastResort


def _descriptor_of(handler: logging.Handler) -> int:
    with suppress(Exception):  # no stream, or one in memory
        return int(handler.stream.fileno())  # type: ignore[attr-defined]
    return -1


def _make_printable(record: logging.LogRecord) -> bool:
    """Make a record printable; a logging filter that lets every record pass."""
    with suppress(Exception):  # a `__repr__` of the application may raise; then the log's handlers meet the same exception
        line = record.getMessage()
        shown = printable(line, MAX_LINE)
        if shown != line:
            record.msg, record.args = "%s", (shown,)
    with suppress(Exception):
        error = record.exc_info[1] if record.exc_info else None
        parts = [] if error is None else traceback.format_exception(error)
        shown_parts = [_shown(part) for part in parts]
        if shown_parts != parts:
            record.exc_text = "".join(shown_parts).rstrip("\n")  # formatters use this text instead of making one
    return True


def _shown(part: str) -> str:
    """A part of a traceback: lines that the interpreter wrote are kept apart; those of an exception's text become one line."""
    if part[0] in " \n" or part == _BEGIN:
        return "\n".join(printable(line, MAX_LINE) for line in part.split("\n"))
    return printable(part.removesuffix("\n"), MAX_LINE) + "\n"


log.addFilter(_is_taken_at_once)
log.addFilter(_make_printable)  # adding the same filter again has no effect
