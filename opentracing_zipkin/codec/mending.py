"""Replaces texts and times that no wire format can carry or that make a real server fail, so that the span is sent.

Without this, the whole message would be lost with the span.

Rules: a codec comes here only for an unusual span; it changes a copy, never the span.
Source: behaviour measured on zipkin-server 3.5.1, and on the decoders of OpenTelemetry's collector 0.165.1.
"""

from __future__ import annotations

from copy import copy

from ..model import Endpoint, FinishedSpan

__all__ = ["MAX_TIME_US", "has_odd_times", "may_break_queries", "mended", "nearest", "to_utf8"]

# Times are signed 64-bit numbers in the server.  It refuses the whole list if JSON has one more digit.
MAX_TIME_US = (1 << 63) - 1


def to_utf8(text: str) -> bytes:
    """UTF-8, with line and paragraph separators as spaces and lone surrogates as "?", as in Java.

    A span with one of these separators and another non-ASCII character makes the server answer queries with NULs behind the
    JSON.  This happens in every encoding.
    """
    return text.replace("\u2028", " ").replace("\u2029", " ").encode(errors="replace")


def may_break_queries(encoded: bytes) -> bool:
    """Whether a span in UTF-8 seems to hold a line or paragraph separator."""
    # Usually there is none.  Looking for one byte is ten times as fast as looking for two or three.
    return 0xE2 in encoded and (b"\xe2\x80\xa8" in encoded or b"\xe2\x80\xa9" in encoded)


def has_odd_times(span: FinishedSpan) -> bool:
    """Whether a time, a duration or the end of a span does not fit into 63 bits, or a time lies before 1970."""
    return not 0 <= span.timestamp_us <= span.timestamp_us + span.duration_us <= MAX_TIME_US


def nearest(at: int) -> int:
    """The time of an annotation, or the nearest one that fits: OpenTelemetry refuses a message in which one is 0 or less."""
    return max(1, min(at, MAX_TIME_US))


def mended(span: FinishedSpan) -> FinishedSpan:
    """A copy of the span with texts that any format can carry.  Its times, and their sum, fit into 63 bits."""
    copied = copy(span)
    copied.name = _mended_text(span.name)
    copied.timestamp_us = max(0, min(span.timestamp_us, MAX_TIME_US))
    copied.duration_us = max(0, min(span.duration_us, MAX_TIME_US - copied.timestamp_us))
    copied.local, copied.remote = _mended_endpoint(span.local), _mended_endpoint(span.remote)
    copied.annotations = [(nearest(at), _mended_text(value)) for at, value in span.annotations]
    copied.tags = {_mended_text(key): _mended_text(value) for key, value in span.tags.items()}
    return copied


def _mended_endpoint(endpoint: Endpoint | None) -> Endpoint | None:
    return None if endpoint is None else endpoint._replace(service_name=_mended_text(endpoint.service_name))


def _mended_text(text: str) -> str:
    return to_utf8(text).decode()
