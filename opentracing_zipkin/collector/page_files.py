"""The page's files, and the policy that limits the page in the browser.

Rules: only the kinds in `MEDIA_TYPES` are served, whatever else is in the folder.  A browser asks each time whether a file has
changed, so that a new version of this package is seen at once.  The page shows texts of other programs.  So only its own
scripts run in it, and it connects only to its own origin.
Source: Content Security Policy Level 3; RFC 9110, "ETag".
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files

from .answers import HTML, TEXT, Answer

__all__ = ["MEDIA_TYPES", "file_answer", "page_file"]

# By the end of the file name.
MEDIA_TYPES = {
    ".html": HTML,
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".png": "image/png",
    ".txt": TEXT,  # licences
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


def page_file(name: str) -> Answer | None:
    """A file of the page; None where no file has this name."""
    return _served().get(name)


@lru_cache(maxsize=1)
def _served() -> dict[str, Answer]:
    """All files, read once; they are read as resources, because the package may be in a zip file."""
    folder = files(__package__).joinpath("page")
    return {
        entry.name: file_answer(entry.read_bytes(), MEDIA_TYPES[ending])
        for entry in folder.iterdir()
        for ending in MEDIA_TYPES
        if entry.name.endswith(ending)
    }


def file_answer(content: bytes, media_type: str, policy: str = POLICY) -> Answer:
    """The answer with a file of a page, its ETag and its policy."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = (("ETag", tag), ("Cache-Control", "no-cache"), ("Content-Security-Policy", policy))
    return Answer(HTTPStatus.OK, content, media_type, headers)
