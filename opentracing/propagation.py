"""The carriers a context can travel in, and what is wrong with a carrier or a format."""

from __future__ import annotations

__all__ = ["Format", "InvalidCarrierException", "SpanContextCorruptedException", "UnsupportedFormatException"]


class Format:
    """Names of the carrier formats that every tracer accepts in `inject` and `extract`."""

    BINARY = "binary"
    """A `bytearray`; `inject` appends to it."""

    TEXT_MAP = "text_map"
    """A mapping of str to str that may hold unrelated entries; any characters."""

    HTTP_HEADERS = "http_headers"
    """As TEXT_MAP, with keys and values that are fit for HTTP headers; a reader ignores the case of keys."""


class UnsupportedFormatException(Exception):
    """The tracer does not know this format."""


class InvalidCarrierException(Exception):
    """The carrier is not of the type that the format asks for."""


class SpanContextCorruptedException(Exception):
    """There is a context in the carrier, but it cannot be read."""
