"""Removes our credentials from texts of others: a server's answer or an error may repeat what we sent.

Rules: each text that was set as user, password, query or header is replaced.  A text of less than four characters is not: it is
no secret, and it is a part of many other words.  urllib3 logs each request's URL at DEBUG; there the query is replaced, too.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from ..text import printable
from .url import HIDDEN

__all__ = ["MAX_REASON_CHARS", "hide", "hide_in_log", "in_headers", "in_url", "line_without"]

MIN_SECRET_CHARS = 4
MAX_REASON_CHARS = 500  # the reason of a failure in the words of a library, of TLS or of a broker

# The entities that libraries write; a table, because the module html takes 2 ms to import.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_IN_HTML = [
    str.maketrans({**_ENTITIES, **quotes}) for quotes in ({}, {'"': "&quot;", "'": "&#x27;"}, {'"': "&#34;", "'": "&#39;"})
]

_queries: set[str] = set()  # each with its "?"


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, in any usual spelling; the longest is replaced first, so that no part of it is left."""
    spellings = {one for secret in secrets if len(secret) >= MIN_SECRET_CHARS for one in _spellings(secret)}
    for secret in sorted(spellings, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def line_without(secrets: Iterable[str], text: str, max_chars: int = MAX_REASON_CHARS) -> str:
    """The text on one line of printable characters, without the secrets."""
    return printable(" ".join(hide(text, secrets).split()), max_chars)


def _spellings(secret: str) -> Iterator[str]:
    """The secret as it was sent, and as servers, pages, JSON and `repr` write it."""
    for one in {secret, *_misread(secret)}:
        yield one
        yield quote(one)
        yield quote(one, safe="")
        yield quote_plus(one)
        yield json.dumps(one)[1:-1]
        yield json.dumps(one, ensure_ascii=False)[1:-1]
        yield repr(one)[1:-1]
        yield from map(one.translate, _IN_HTML)


def _misread(secret: str) -> Iterator[str]:
    """The secret after a change of encoding: we send Latin-1 in a header, and an answer is read as UTF-8."""
    with suppress(UnicodeError):
        yield secret.encode("latin-1").decode("utf-8", "replace")
    with suppress(UnicodeError):
        yield secret.encode().decode("latin-1")


def in_url(url: str) -> Iterator[str]:
    """The secrets of a URL: user and password, also in the form of a header; the query, its parameters and their values.

    Each is given encoded and decoded.  A user with a password is no secret; a user alone may be a token.
    """
    parts = urlsplit(url)
    if parts.username is not None:
        yield parts.netloc.rpartition("@")[0]
        yield from _as_read(parts.password or parts.username)
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        yield b64encode(pair.encode("latin-1", "replace")).decode()  # the form in the header for a proxy
    yield parts.query
    for pair in parts.query.split("&"):
        yield from _as_read(pair)
        yield from _as_read(pair.partition("=")[2])


def in_headers(values: Iterable[str]) -> Iterator[str]:
    """The values, and each word after the first: a server may repeat a token without `Bearer`."""
    for value in values:
        yield value
        yield from value.split()[1:]


def hide_in_log(queries: Iterable[str]) -> None:
    """Keep the queries of our requests out of urllib3's log; each is given as it is sent."""
    _queries.update(f"?{query}" for query in queries if query)
    if _queries:
        logging.getLogger("urllib3.connectionpool").addFilter(_hide_queries)  # adding the same filter again has no effect


def _hide_queries(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_without_query(part) if isinstance(part, str) else part for part in record.args)
    return True


def _without_query(text: str) -> str:
    for query in _queries:
        text = text.replace(query, f"?{HIDDEN}")
    return text


def _as_read(text: str) -> tuple[str, ...]:
    return text, unquote(text), unquote_plus(text)
