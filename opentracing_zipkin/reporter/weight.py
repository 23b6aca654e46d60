"""Weight: the estimated memory in bytes of a finished span while it waits.

Measured with tracemalloc on Python 3.11: 450 bytes for a span with its ids; the result of `sys.getsizeof` for the dict of its
tags and for their values (the keys are mostly shared); and 120 bytes for an annotation beside its text.
"""

from __future__ import annotations

from sys import getsizeof
from typing import Any

__all__ = ["weight_of"]

SPAN_BYTES = 450
ANNOTATION_BYTES = 120


def weight_of(span: Any) -> int:
    """The weight in bytes; computing it takes about 2 µs."""
    try:
        # Each step is one C call, because another thread may be setting a tag at this moment.
        tags = span._tags
        weight = SPAN_BYTES + getsizeof(tags) + sum(map(getsizeof, list(tags.values())))
        logs = span._logs
        if logs:
            weight += sum(ANNOTATION_BYTES + len(text) for _, text in list(logs))
        return weight
    except Exception:  # an object that is no span of ours, or a value whose class reports a wrong size
        return SPAN_BYTES
