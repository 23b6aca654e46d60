"""URLs as spans have them: who is called, without credentials, and which path, without query."""

from __future__ import annotations

import re

__all__ = ["address_and_path"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?([^/?#]*)([^?#]*)")


def address_and_path(url: str) -> tuple[str, str]:
    """`http://user@shop:8080/a?b=c` as `("shop:8080", "/a")`; an empty path is `/`, and what is no URL has no address."""
    match = _URL.match(url)
    if match is None:
        return "", "/"
    return match[1], match[2] or "/"
