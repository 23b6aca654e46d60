"""The form in which the server keeps a span that it has read."""

from __future__ import annotations

from ..model import FinishedSpan

__all__ = ["normalise"]


def normalise(span: FinishedSpan) -> None:
    """Sort annotations by time, without duplicates, and tags by key; a span is not its own parent, and no client shares an id.

    The reader of JSON, version 2, has the same rules in its own code, because calling this function for each span takes time.
    """
    span.annotations = sorted(set(span.annotations))
    span.tags = dict(sorted(span.tags.items()))
    if span.parent_id == span.span_id:
        span.parent_id = None
    if span.kind == "CLIENT":
        span.shared = False
