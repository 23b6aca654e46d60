"""Secrets in XML: `<password>…</password>`, with a namespace or attributes, and `<property name="password">…</property>`.

Rules: the value ends with the element's end tag, whatever elements are in it.  Without an end tag, it ends at the next `<`; but
if it begins with an element, it ends with the text.
"""

from __future__ import annotations

import re

from .keys import Keys

__all__ = ["without_elements"]

_START = re.compile(r"<(?P<tag>(?:[\w.-]{1,64}:)?(?P<name>[\w.-]{1,128}))(?P<attributes>\s[^<>]*)?>")
_CHILD = re.compile(r"<[^/]")
_NAME = re.compile(r"\s(?:name|key)\s{0,8}=\s{0,8}\\*[\"'](?P<name>[^\"'\\]{1,128})", re.IGNORECASE)


def without_elements(text: str, keys: Keys, mask: str) -> str:
    """The text with the mask in place of each content of an element that one of the keys names."""
    lower = text.lower()
    pieces, done = [], 0
    for found in _START.finditer(text):
        if found.start() < done or not _is_secret(found, keys):
            continue
        start = found.end()
        # A few characters become two in lower case, so positions would differ; such a text is searched as it is.
        end = (lower if len(lower) == len(text) else text).find(f"</{found['tag'].lower()}", start)
        if end < 0 and not _CHILD.match(text, start):
            end = text.find("<", start)
        end = len(text) if end < 0 else end
        if start < end:
            pieces += [text[done:start], mask]
            done = end
    return "".join([*pieces, text[done:]])


def _is_secret(found: re.Match[str], keys: Keys) -> bool:
    attributes = found["attributes"] or ""
    if attributes.endswith("/"):
        return False
    named = _NAME.search(attributes)
    return found["name"] in keys or (named is not None and named["name"] in keys)
