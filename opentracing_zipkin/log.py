"""The tracer's log.  Every line is printable and of limited length, whatever foreign text it contains.

Rules: a collector's answer, a header or an exception's text may contain escape sequences for a terminal, or a line end and then
a forged log line.  Such a line is escaped and cut; any other stays as it is, with its arguments.  Nothing raises here, because
the application's thread may be logging.
"""

from __future__ import annotations

import logging
import traceback
from contextlib import suppress

from .text import printable

__all__ = ["MAX_LINE", "log"]

MAX_LINE = 1000  # characters of a line, and of each exception's text in a traceback

_BEGIN = "Traceback (most recent call last):\n"

log = logging.getLogger("opentracing_zipkin")


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


log.addFilter(_make_printable)  # adding the same filter again has no effect
