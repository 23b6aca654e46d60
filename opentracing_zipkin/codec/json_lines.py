"""JSON Lines, one span on each line: the format for the console.  A collector gets JSON lists.

Source: jsonlines.org.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model import FinishedSpan
from ..option import WrongSetting
from . import SpanEncoder

__all__ = ["JsonLines", "lines_of"]


class JsonLines:
    """Writes each span of a JSON codec as one line; the JSON of a span contains no line break."""

    media_type = "application/x-ndjson"

    def __init__(self, encoder: SpanEncoder) -> None:
        self.path = encoder.path
        self._encode = encoder.encode

    def encode(self, span: FinishedSpan, /) -> bytes:
        """One span as one line."""
        return self._encode(span)

    def join(self, encoded: Sequence[bytes], /) -> bytes:
        """The spans, with a line break behind each."""
        return b"".join([line + b"\n" for line in encoded])

    def size(self, count: int, total_bytes: int, /) -> int:
        """The spans, and one byte for each line break."""
        return total_bytes + count


def lines_of(encoder: SpanEncoder) -> SpanEncoder:
    """An encoder that writes the spans of this one as lines; raises WrongSetting for a codec that is not JSON."""
    if encoder.media_type != "application/json":
        problem = "cannot be used with an endpoint that begins with console:, because each line there is JSON"
        raise WrongSetting("encoding", f"{problem}; use 'json' or 'json_v1'")
    return JsonLines(encoder)
