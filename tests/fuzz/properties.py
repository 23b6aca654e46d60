"""The properties that hold for any input: a check for each, which takes bytes and raises AssertionError on a violation.

Rules: a parser raises only documented exceptions, its results are safe to send, and it keeps sampling decisions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from opentracing_zipkin import ZipkinContext
from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.codec.detected import iterate
from opentracing_zipkin.codec.malformed import Malformed
from opentracing_zipkin.context import normalize_key
from opentracing_zipkin.propagation import binary, headers_of
from opentracing_zipkin.propagation.attributes import MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, Attributes, is_header_safe
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.propagation.w3c import read_traceparent, write_traceparent

__all__ = ["DECODERS", "PROPERTIES"]

FIELDS = ("x-request-id", "User_Id")

_SINGLE = re.compile(r"[01d]|([0-9a-f]{16}){1,2}-[0-9a-f]{16}(-[01d])?(-[0-9a-f]{16})?")
_WRITTEN = {
    "b3": _SINGLE,
    "x-b3-traceid": re.compile(r"([0-9a-f]{16}){1,2}"),
    "x-b3-spanid": re.compile(r"[0-9a-f]{16}"),
    "x-b3-parentspanid": re.compile(r"[0-9a-f]{16}"),
    "x-b3-sampled": re.compile(r"[01]"),
    "x-b3-flags": re.compile(r"1"),
    "traceparent": re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
}
_TRACEPARENT = re.compile(r"[ \t]*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?[ \t]*", re.DOTALL)


def check_headers(data: bytes) -> None:
    """Reads lines `name: value` as headers: the context can be written, is safe to send, and is read back unchanged."""
    pairs = [line.partition(b": ")[::2] for line in data.split(b"\n")]
    for w3c, fields in ((False, ()), (True, FIELDS)):
        propagation = B3Propagation("both", w3c=w3c, baggage_fields=fields)
        for carrier in (pairs, {name.decode("latin-1"): value.decode("utf-8", "replace") for name, value in pairs}):
            context = propagation.extract(carrier)
            if context is not None:
                _check_written(context, propagation)


def _check_written(context: ZipkinContext, propagation: B3Propagation) -> None:
    written: dict[str, str] = {}
    propagation.inject(context, written)
    for name, value in written.items():
        assert type(value) is str, (name, value)
        assert is_header_safe(value) or not value, (name, value)
        assert is_header_safe(name), name
        assert name not in _WRITTEN or _WRITTEN[name].fullmatch(value), (name, value)
    again = propagation.extract(written)
    assert _identity(context) == _identity(again)
    before, after = _items(context), _items(again)
    assert after.items() <= before.items(), (before, after)
    assert before == after or propagation.attributes.dropped, (before, after)


def _identity(context: ZipkinContext | None) -> object:
    if context is None or (context.trace_id is None and context.sampled is None):
        return None
    return context.trace_id, context.span_id, context.parent_id, context.sampled, context.debug


def _items(context: ZipkinContext | None) -> dict[str, str]:
    return {normalize_key(key): value for key, value in context.baggage.items()} if context is not None else {}


def check_deny(data: bytes) -> None:
    """A denial in one B3 header stays, whatever other headers hold, except a complete `b3` header or a demand for debug."""
    first, second, third, fourth, fifth = [*data.decode("latin-1").split("\n", 4), "", "", "", ""][:5]
    # Commas separate several values, dashes the fields of one value; a last field "x" makes any `b3` malformed.
    head, span_id = (re.sub("[-,]", "", text) for text in (first, second))
    multi = [("x-b3-traceid", first), ("X-B3-SpanId", second), ("x-b3-parentspanid", third), ("x-b3-sampled", "0")]
    single = ("b3", f"{head}-{span_id}-0" + ("-" + third if third else ""))
    malformed = ("b3", first.replace(",", "") + "-x")
    others = [("x-b3-traceid", second), ("x-b3-spanid", third), ("x-b3-sampled", fourth)]
    for w3c in (False, True):
        for pairs in (multi, [single], [single, *others], [malformed, *multi]):
            context = B3Propagation(w3c=w3c).extract([*pairs, ("traceparent", fifth)])
            assert context is not None, pairs
            assert context.sampled is False, pairs


def check_traceparent(data: bytes) -> None:
    """The result of reading has the values of the text, and is written as the same values in version 00."""
    text = data.decode("latin-1")
    context = read_traceparent(text)
    match = _TRACEPARENT.fullmatch(text)
    if context is None:
        return
    assert match is not None, text
    assert match[1] != "ff", text
    assert context.sampled is bool(int(match[4], 16) & 1), text
    assert write_traceparent(context) == f"00-{match[2]}-{match[3]}-{match[4]}", text
    assert int(match[2], 16), text
    assert int(match[3], 16), text


def check_attributes(data: bytes) -> None:
    """Any items are written within the limits, and are read back unchanged unless they were left out."""
    lines = data.decode("utf-8", "replace").split("\n")
    baggage = {key: value for key, _, value in (line.partition(":") for line in lines)}
    ours = Attributes(FIELDS)
    written: dict[str, str] = {}
    ours.write(baggage, written)
    assert len(written) <= MAX_ATTRIBUTES
    assert sum(len(name) + len(value) for name, value in written.items()) <= MAX_ATTRIBUTES_BYTES
    assert all(is_header_safe(name) and (is_header_safe(value) or not value) for name, value in written.items())
    read = ours.read(headers_of(written)) or {}
    again: dict[str, str] = {}
    ours.write(read, again)
    assert again == {name: value for name, value in written.items() if value or name.startswith("ot-baggage-")}


def check_carrier(data: bytes) -> None:
    """The binary carrier is read without an exception, and the context is the same after writing and reading it."""
    context = binary.decode(data)
    if context is not None:
        again = binary.decode(binary.encode_identity(context) + b"\n" + binary.encode_attributes(context))
        assert _identity(context) == _identity(again)


def check_decoder(name: str, data: bytes) -> None:
    """Bytes become spans or a ValueError; the spans can be encoded, and the encoded spans can be decoded."""
    codec = encoder_named(name)
    try:
        spans = codec.decode(data)  # type: ignore[attr-defined]  # the embedded collector's part of a codec
    except ValueError:
        return
    codec.decode(codec.join([codec.encode(span) for span in spans]))  # type: ignore[attr-defined]


def check_file(data: bytes) -> None:
    """Any file is read as spans, or as an error whose offset lies in the file."""
    offset = 0
    try:
        for _ in iterate(data):
            pass
    except Malformed as error:
        offset = error.offset
    assert 0 <= offset <= len(data)


DECODERS = {name: partial(check_decoder, name) for name in ENCODINGS if hasattr(encoder_named(name), "decode")}

PROPERTIES: dict[str, Callable[[bytes], None]] = {
    "headers": check_headers,
    "deny": check_deny,
    "traceparent": check_traceparent,
    "attributes": check_attributes,
    "carrier": check_carrier,
    "file": check_file,
    **DECODERS,
}
