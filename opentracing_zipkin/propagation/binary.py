"""A context as bytes: the value of a `b3` header in ASCII, then one line for each attribute."""

from __future__ import annotations

from ..context import REMOTE, CallerContext, ZipkinContext
from . import Propagation
from .attributes import FREE_FORM, Attributes
from .b3_text import read_single, write_single

__all__ = ["decode", "encode_attributes", "encode_identity", "extract"]


def encode_identity(context: ZipkinContext) -> bytes:
    """The value of a `b3` header."""
    return write_single(context).encode()


def encode_attributes(context: ZipkinContext, attributes: Attributes = FREE_FORM) -> bytes:
    """A line `<header's name>: <value>` for each attribute; empty where there are none."""
    carrier: dict[str, str] = {}
    attributes.write(context.baggage, carrier)
    return "\n".join(f"{name}: {value}" for name, value in carrier.items()).encode()


def decode(data: bytes, attributes: Attributes = FREE_FORM) -> ZipkinContext | None:
    """The context in the two parts, joined by a line feed; None where there is none.  Never raises."""
    first, *lines = data.decode("latin-1").split("\n")
    if ": " in first:
        lines.insert(0, first)
        first = ""
    context = read_single(first)
    pairs = (line.split(": ", 1) for line in lines if ": " in line)
    baggage = attributes.read({name.lower(): value for name, value in pairs})
    if baggage is not None:
        context = context or ZipkinContext(state=REMOTE)
        context._baggage = baggage
    return context


def extract(data: bytes, propagation: Propagation) -> ZipkinContext | None:
    """The result of `decode` with the propagation's attributes; a `CallerContext` where callers are not trusted."""
    context = decode(data, propagation.attributes)
    return context if propagation.trusted else CallerContext.of(context)
