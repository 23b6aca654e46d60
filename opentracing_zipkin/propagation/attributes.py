"""Trace attributes in headers of their own: `ot-baggage-<key>`, the value percent-encoded where it is not header-safe.

Rules: nothing that came from a peer or a user gets a control character into an outgoing header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, unquote

from ..context import normalize_key

__all__ = ["PREFIX", "read", "write"]

PREFIX = "ot-baggage-"

MAX_ATTRIBUTES = 64
MAX_VALUE_LENGTH = 4096

# RFC 9110's token characters, of which normalised keys use the lower-case ones.
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9a-z]+")
# Printable ASCII but "%" itself, which would be ambiguous.
_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def write(baggage: Mapping[str, str], carrier: MutableMapping[str, Any]) -> None:
    """Add each attribute to `carrier`; a key that cannot be a header's name is left out."""
    for key, value in list(baggage.items())[:MAX_ATTRIBUTES]:
        name = normalize_key(str(key))
        if _TOKEN.fullmatch(name):
            # strip: a proxy may drop white space at the ends, so it goes encoded or not at all.
            text = quote(str(value)[:MAX_VALUE_LENGTH], safe=_SAFE, errors="replace")
            carrier[PREFIX + name] = _encode_ends(text)


def _encode_ends(text: str) -> str:
    if text[:1] == " ":
        text = "%20" + text[1:]
    return text[:-1] + "%20" if text[-1:] == " " else text


def read(headers: Mapping[str, str]) -> dict[str, str] | None:
    """The attributes in headers whose names are in lower case, None where there are none."""
    found = {
        name[len(PREFIX) :]: unquote(value)
        for name, value in headers.items()
        if name.startswith(PREFIX) and len(name) > len(PREFIX)
    }
    return dict(list(found.items())[:MAX_ATTRIBUTES]) or None
