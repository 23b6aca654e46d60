"""Span handlers: what may change a finished span before it is encoded.  Here the Protocol."""

from __future__ import annotations

from typing import Protocol

from ..model import FinishedSpan

__all__ = ["SpanHandler"]


class SpanHandler(Protocol):
    """Sees each span before it is encoded, on the reporter's thread.

    Returns the span, changed or not, or another one in its place, or None to drop it.  A handler that raises drops the span as
    well, because what it was to remove from the span must not be sent.
    """

    def __call__(self, span: FinishedSpan, /) -> FinishedSpan | None: ...
