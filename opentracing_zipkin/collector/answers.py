"""The answer to a request, before it becomes HTTP.

Rules: this file knows no route and no socket.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import NamedTuple

from ..text import printable

__all__ = ["HTML", "JSON", "TEXT", "Answer", "json_answer", "redirect", "refusal"]

MAX_REASON_CHARS = 1000

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"


class Answer(NamedTuple):
    """Status, body and headers of an answer.

    `media_type` is used where there is a body; `headers` are those that only some answers have.
    """

    status: HTTPStatus
    body: bytes = b""
    media_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


def refusal(status: HTTPStatus, reason: object) -> Answer:
    """An answer with the reason on one line; the reason may repeat the request, and is read in a terminal."""
    return Answer(status, printable(" ".join(str(reason).split()), MAX_REASON_CHARS).encode())


def redirect(location: str) -> Answer:
    """An answer that redirects to another location."""
    return Answer(HTTPStatus.FOUND, headers=(("Location", location),))


def json_answer(value: object) -> Answer:
    """An answer with a value as JSON, written as short as possible."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Answer(HTTPStatus.OK, body, JSON)
