"""What no wire format can carry, or what makes a real server fail, replaced: the span is sent, and its batch with it.

Rules: a codec looks here only when a span is out of the ordinary; a copy is changed, never the span.
Source: behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

from copy import copy

from ..model import Endpoint, FinishedSpan

__all__ = ["MAX_TIME_US", "MIN_TIME_US", "may_break_queries", "mended", "nearest", "to_utf8"]

# Times are signed 64-bit numbers in the server; one more digit in JSON and it refuses the whole list.
MAX_TIME_US = (1 << 63) - 1
MIN_TIME_US = -MAX_TIME_US


def to_utf8(text: str) -> bytes:
    """Line and paragraph separators as spaces, lone surrogates as "?", as in Java.

    With one of these separators and another non-ASCII character the server answers queries with NULs behind the JSON,
    whichever way the span came.
    """
    return text.replace("\u2028", " ").replace("\u2029", " ").encode(errors="replace")


def may_break_queries(encoded: bytes) -> bool:
    """Whether a span in UTF-8 seems to hold one of these separators."""
    # One byte is found ten times as fast as two or three, and not being there is the rule.
    return 0xE2 in encoded and (b"\xe2\x80\xa8" in encoded or b"\xe2\x80\xa9" in encoded)


def nearest(at: int) -> int:
    """A time, or the nearest one that fits: nanoseconds given for seconds do not."""
    return max(MIN_TIME_US, min(at, MAX_TIME_US))


def mended(span: FinishedSpan) -> FinishedSpan:
    """The same span with texts that any format can carry, and with times that fit, their sum too, into 63 bits."""
    copied = copy(span)
    copied.name = _mended_text(span.name)
    copied.timestamp_us = min(span.timestamp_us, MAX_TIME_US)
    copied.duration_us = min(span.duration_us, MAX_TIME_US - max(0, copied.timestamp_us))
    copied.local, copied.remote = _mended_endpoint(span.local), _mended_endpoint(span.remote)
    copied.annotations = [(nearest(at), _mended_text(value)) for at, value in span.annotations]
    copied.tags = {_mended_text(key): _mended_text(value) for key, value in span.tags.items()}
    return copied


def _mended_endpoint(endpoint: Endpoint | None) -> Endpoint | None:
    return None if endpoint is None else endpoint._replace(service_name=_mended_text(endpoint.service_name))


def _mended_text(text: str) -> str:
    return to_utf8(text).decode()
