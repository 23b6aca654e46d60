"""JSON, one span a line (JSON Lines): what the console gets, where a collector gets lists.

Source: jsonlines.org.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model import FinishedSpan
from ..option import WrongSetting
from . import SpanEncoder

__all__ = ["JsonLines", "lines_of"]


class JsonLines:
    """The spans of a JSON codec, each ended by a line's end; JSON has none of its own inside a span."""

    media_type = "application/x-ndjson"

    def __init__(self, encoder: SpanEncoder) -> None:
        self.path = encoder.path
        self._encode = encoder.encode

    def encode(self, span: FinishedSpan, /) -> bytes:
        """One span as one line."""
        return self._encode(span)

    def join(self, encoded: Sequence[bytes], /) -> bytes:
        """Lines, each ended."""
        return b"".join([line + b"\n" for line in encoded])

    def size(self, count: int, total_bytes: int, /) -> int:
        """Each line has an end."""
        return total_bytes + count


def lines_of(encoder: SpanEncoder) -> SpanEncoder:
    """A JSON codec's spans as lines; raises WrongSetting for a codec that is not JSON, which has no lines."""
    if encoder.media_type != "application/json":
        raise WrongSetting("encoding", "is not for an endpoint with console:, where a line is JSON; use 'json' or 'json_v1'")
    return JsonLines(encoder)
