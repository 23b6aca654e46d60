"""Decodes disguised texts: percent-encoded, escaped for HTML or JSON, or with letters that look like others.

Rules: the decoded text is only searched for secrets; it is never sent.
Source: Unicode Standard Annex 15 for the compatibility forms; Unicode Technical Standard 39 for the letters that look alike.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from urllib.parse import unquote_plus

__all__ = ["decoded_once", "may_be_encoded"]

# Invisible characters; a tab and an end of line are visible.
_UNSEEN = re.compile(
    "\x1b\\[[0-9;]{0,16}[A-Za-z]"  # colours of a terminal
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u0300-\u036f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]"
)
_OTHER = re.compile(r"[%&\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[^\x00-\x7f]")
_ESCAPED = re.compile(r"(?<!\\)\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_DIGIT = re.compile(r"\d")
_ALIKE = str.maketrans("аеіјорсѕухԁһԝАВЕІЈКМНОРСЅТХαορν“”„«»‘’", 'aeijopcsyxdhwABEIJKMHOPCSTXaopv"""""\'\'')  # noqa: RUF001

may_be_encoded = _OTHER.search


def decoded_once(text: str) -> str:
    """The text with one layer of encoding undone; the same text where there is none."""
    if "%" in text:
        text = unquote_plus(text)
    if "&" in text:
        text = unescape(text)
    if "\\" in text:
        text = _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_ALIKE)
        text = _DIGIT.sub(lambda found: str(int(found[0])), text)
    return _UNSEEN.sub("", text)
