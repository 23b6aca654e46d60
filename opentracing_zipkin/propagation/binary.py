"""A context as bytes: the single header's ASCII, then a line for each attribute."""

from __future__ import annotations

from ..context import REMOTE, ZipkinContext
from . import attributes
from .b3 import read_single, write_single

__all__ = ["decode", "encode_attributes", "encode_identity"]


def encode_identity(context: ZipkinContext) -> bytes:
    """The value of a `b3` header."""
    return write_single(context).encode()


def encode_attributes(context: ZipkinContext) -> bytes:
    """A line `ot-baggage-<key>: <value>` for each attribute; empty where there are none."""
    carrier: dict[str, str] = {}
    attributes.write(context.baggage, carrier)
    return "\n".join(f"{name}: {value}" for name, value in carrier.items()).encode()


def decode(data: bytes) -> ZipkinContext | None:
    """The context in the two parts, joined by a line's end; None where there is none.  Never raises."""
    first, *lines = data.decode("latin-1").split("\n")
    if first.startswith(attributes.PREFIX):
        lines.insert(0, first)
        first = ""
    context = read_single(first)
    baggage = attributes.read(dict(line.split(": ", 1) for line in lines if ": " in line))
    if baggage is not None:
        context = context or ZipkinContext(state=REMOTE)
        context._baggage = baggage
    return context
