"""The page's files: what the browser gets, and what it may do with it.

Rules: only the kinds in `MEDIA_TYPES` are served, whatever else lies in the folder.  A browser asks each time whether a file
has changed, so that a new version of this package is seen at once.  The page shows texts that others sent: nothing but its own
script runs in it, and it talks to nobody but its own origin.
Source: Content Security Policy Level 3; RFC 9110, "ETag".
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files

from .answers import HTML, Answer

__all__ = ["MEDIA_TYPES", "file_answer", "page_file"]

# By the name's end.
MEDIA_TYPES = {
    ".html": HTML,
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".png": "image/png",
}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

# Of a page in one file.
_INLINE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'"
)


def page_file(name: str) -> Answer | None:
    """A file of the page; None where there is none of this name."""
    return _served().get(name)


@lru_cache(maxsize=1)
def _served() -> dict[str, Answer]:
    """All files, read once; a resource may be in a zip file."""
    folder = files(__package__).joinpath("page")
    if not folder.is_dir():
        return {"index.html": file_answer(files(__package__).joinpath("page.html").read_bytes(), HTML, _INLINE_POLICY)}
    return {
        entry.name: file_answer(entry.read_bytes(), MEDIA_TYPES[ending])
        for entry in folder.iterdir()
        for ending in MEDIA_TYPES
        if entry.name.endswith(ending)
    }


def file_answer(content: bytes, media_type: str, policy: str = POLICY) -> Answer:
    """A file of a page, with its tag and what it may do."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = (("ETag", tag), ("Cache-Control", "no-cache"), ("Content-Security-Policy", policy))
    return Answer(HTTPStatus.OK, content, media_type, headers)
