"""The tracer's log.  Every line is printable and bounded, whatever words of others stand in it.

Rules: a collector's answer, a header or an exception's text may hold escape sequences for a terminal, or a line's end and then
what looks like a line of the log.  Such a line is escaped and cut; any other stays as it is, with its arguments.  Nothing is
raised here: the line may be the application's thread's.
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
    """As a filter: lets every line pass."""
    with suppress(Exception):  # of a `__repr__` of the application's, which the log's handlers meet as well
        line = record.getMessage()
        shown = printable(line, MAX_LINE)
        if shown != line:
            record.msg, record.args = "%s", (shown,)
    with suppress(Exception):
        error = record.exc_info[1] if record.exc_info else None
        parts = [] if error is None else traceback.format_exception(error)
        shown_parts = [_shown(part) for part in parts]
        if shown_parts != parts:
            record.exc_text = "".join(shown_parts).rstrip("\n")  # formatters take it in place of a text of their own
    return True


def _shown(part: str) -> str:
    """A part of a traceback: lines of the interpreter's own words are kept apart, those of an exception's text are not."""
    if part[0] in " \n" or part == _BEGIN:
        return "\n".join(printable(line, MAX_LINE) for line in part.split("\n"))
    return printable(part.removesuffix("\n"), MAX_LINE) + "\n"


log.addFilter(_make_printable)  # the same one once, however often
