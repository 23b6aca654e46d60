"""Weight: about how many bytes of memory a finished span takes while it waits.

Measured with tracemalloc on Python 3.11: 450 bytes for a span with its ids; what `sys.getsizeof` says for the dict of its tags
and for their values, whose keys are mostly shared; and 120 bytes for an annotation beside its text.
"""

from __future__ import annotations

from sys import getsizeof
from typing import Any

__all__ = ["weight_of"]

SPAN_BYTES = 450
ANNOTATION_BYTES = 120


def weight_of(span: Any) -> int:
    """In bytes; takes about 2 µs."""
    try:
        # One C call each: another thread may be setting a tag at this moment.
        tags = span._tags
        weight = SPAN_BYTES + getsizeof(tags) + sum(map(getsizeof, list(tags.values())))
        logs = span._logs
        if logs:
            weight += sum(ANNOTATION_BYTES + len(text) for _, text in list(logs))
        return weight
    except Exception:  # no span of ours, or a value whose class says of its size what it likes
        return SPAN_BYTES
