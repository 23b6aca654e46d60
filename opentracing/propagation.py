"""The formats of carriers in which a context can travel, and the exceptions about a wrong carrier or format."""

from __future__ import annotations

__all__ = ["Format", "InvalidCarrierException", "SpanContextCorruptedException", "UnsupportedFormatException"]


class Format:
    """Names of the carrier formats that every tracer accepts in `inject` and `extract`."""

    BINARY = "binary"
    """A `bytearray`; `inject` appends to it."""

    TEXT_MAP = "text_map"
    """A mapping from str to str with any characters; it may hold unrelated entries."""

    HTTP_HEADERS = "http_headers"
    """Like TEXT_MAP, but keys and values must fit into HTTP headers; a reader ignores the case of keys."""


class UnsupportedFormatException(Exception):
    """The tracer does not know this format."""


class InvalidCarrierException(Exception):
    """The carrier is not of the type that the format asks for."""


class SpanContextCorruptedException(Exception):
    """The carrier has a context that cannot be read."""
