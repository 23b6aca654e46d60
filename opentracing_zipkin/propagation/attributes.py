"""Trace attributes in headers: `ot-baggage-<key>`, and the fields of an allow-list under their own names.

Rules: no text from a peer or a user puts a control character into an outgoing header.  An attribute over a limit is left out
whole and counted, because half a value is a wrong value.  Nothing raises.
Sources: W3C Baggage, 3.3.2, for the limits; openzipkin/brave, BaggageField, for the fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, unquote

from ..context import normalize_key
from ..log import log
from ..option import WrongSetting
from ..text import to_text

__all__ = ["FREE_FORM", "MAX_ATTRIBUTES", "MAX_ATTRIBUTES_BYTES", "PREFIX", "TRACESTATE", "Attributes", "is_header_safe"]

PREFIX = "ot-baggage-"
TRACESTATE = "tracestate"  # kept as an attribute, but written and read with `traceparent` only

# The limits that every platform has to pass on.  Names and values are counted as they are on the wire.
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTES_BYTES = 8192

# RFC 9110's token characters; normalised keys use the lower-case ones.
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
# "%" itself is encoded under our prefix, because our reader decodes every "%" there.
_SAFE = _PRINTABLE.replace("%", "")
_NOT_SAFE = re.compile(r"\A | \Z|[^ -~]+")
# Exactly the encodings that `_NOT_SAFE` causes, one character at a time.  A foreign "%41" stays as it is.
_MORE = "%[89AB][0-9A-F]"
_ENCODED = re.compile(
    r"\A%20|%20\Z|%(?:[01][0-9A-F]|7F)"
    rf"|%(?:C[2-9A-F]|D[0-9A-F]){_MORE}|%E[0-9A-F](?:{_MORE}){{2}}|%F[0-4](?:{_MORE}){{3}}"
)
_HEADER_SAFE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
# A prefix without a key, and the header that is read only together with `traceparent`.
_NOT_READ = frozenset((PREFIX, PREFIX + TRACESTATE))
_RESERVED = re.compile(r"b3|x-b3-.*|traceparent|tracestate|ot-baggage-.*")


def is_header_safe(text: str) -> bool:
    """Whether a text is printable ASCII without white space at its ends; a proxy may strip such white space."""
    return _HEADER_SAFE.fullmatch(text) is not None


class Attributes:
    """Writes and reads attributes, and counts those that it left out; may be used from any thread."""

    def __init__(self, fields: Iterable[str] = ()) -> None:
        self.names = _check_fields(fields)  # normalised key -> the header's name, as it was configured
        self.dropped = 0  # attributes, read or to be written, that were over a limit or had an impossible name

    def is_attribute(self, name: str) -> bool:
        """Whether a header with this name, as it is written, is an attribute."""
        return name.startswith(PREFIX) or name in self.names.values()

    def write(self, baggage: Mapping[str, str], carrier: MutableMapping[str, Any]) -> None:
        """Add each attribute to `carrier`: first the fields of the allow-list, then the others in their order."""
        count, left = 0, MAX_ATTRIBUTES_BYTES
        for name, value in self._headers(baggage):
            size = len(name) + len(value)
            if count < MAX_ATTRIBUTES and size <= left and name != PREFIX and _TOKEN.fullmatch(name):
                count, left = count + 1, left - size
                carrier[name] = value
            else:
                self._drop("to be written", name)

    def _headers(self, baggage: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Names and values as they are sent; a name may still be impossible.  A value None means that it was removed."""
        normalised = {
            normalize_key(str(key)): to_text(value, MAX_ATTRIBUTES_BYTES) for key, value in baggage.items() if value is not None
        }
        for key, name in self.names.items():
            if key in normalised:
                yield name, _encode_field(normalised.pop(key))
        for key, value in normalised.items():
            if key != TRACESTATE:
                yield PREFIX + key, _encode(value)

    def read(self, headers: Mapping[str, str]) -> dict[str, str] | None:
        """The attributes in headers whose names are in lower case; None where there are none."""
        found: dict[str, str] = {}
        left = MAX_ATTRIBUTES_BYTES
        for name, value in self._ours(headers):
            size = len(name) + len(value)
            if len(found) == MAX_ATTRIBUTES or size > left:
                self._drop("received", name)
                continue
            left -= size
            if name.startswith(PREFIX):
                found.setdefault(name[len(PREFIX) :], unquote(value))  # the field's own header outranks this one
            else:
                found[self.names[normalize_key(name)]] = _ENCODED.sub(_decoded, value)
        return found or None

    def _ours(self, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        if self.names:
            yield from ((name, value) for name, value in headers.items() if normalize_key(name) in self.names and value)
        for name, value in headers.items():
            if name.startswith(PREFIX) and name not in _NOT_READ:
                yield name, value

    def _drop(self, where: str, name: str) -> None:
        self.dropped += 1
        if self.dropped == 1:
            log.warning(
                "zipkin: trace attribute %s is left out: at most %d are taken, of %d bytes in total, "
                "with valid header names (logged once): %r",
                where, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, name[:80],
            )  # fmt: skip


def _check_fields(fields: Iterable[str]) -> dict[str, str]:
    """The allow-list as a mapping, normalised key to header name; raises WrongSetting for names that cannot be fields."""
    if isinstance(fields, (str, bytes)) or not isinstance(fields, Iterable):
        raise WrongSetting("baggage_fields", f"is {fields!r}; use a list of header names, for instance ['x-request-id']")
    names: dict[str, str] = {}
    for field in fields:
        if not isinstance(field, str) or not _TOKEN.fullmatch(field):
            raise WrongSetting("baggage_fields", f"has {field!r}; use names of headers, for instance 'x-request-id'")
        if _RESERVED.fullmatch(normalize_key(field)):
            raise WrongSetting("baggage_fields", f"has {field!r}, which propagation itself writes; use another name")
        if normalize_key(field) in names:
            raise WrongSetting(
                "baggage_fields",
                f"has {field!r} twice, as '_' counts as '-' and case does not count; name each header once",
            )
        names[normalize_key(field)] = field
    if len(names) > MAX_ATTRIBUTES:
        raise WrongSetting("baggage_fields", f"has {len(names)} names; use at most {MAX_ATTRIBUTES}")
    return names


def _encode(value: str) -> str:
    """The value, with every character that is not header-safe as percent-encoded UTF-8."""
    text = quote(value, safe=_SAFE, errors="replace")
    if text[:1] == " ":
        text = "%20" + text[1:]
    return text[:-1] + "%20" if text[-1:] == " " else text


def _encode_field(value: str) -> str:
    return _NOT_SAFE.sub(lambda part: quote(part[0], safe="", errors="replace"), value)


def _decoded(part: re.Match[str]) -> str:
    """The decoded text of an encoded part; a part that is not UTF-8 is returned unchanged, so that foreign values survive."""
    try:
        return unquote(part[0], errors="strict")
    except UnicodeDecodeError:
        return part[0]


FREE_FORM = Attributes()  # accepts any key, in `ot-baggage-*` headers only
