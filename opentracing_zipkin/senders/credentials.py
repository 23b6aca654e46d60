"""Credentials in other people's words: a server's answer or an error may repeat what we sent.

Rules: what was set as user, password, query or header is replaced.  A text of less than four characters is left alone: it is no
secret, and would be found in every other word.  urllib3 logs each request's URL at DEBUG: there the query is replaced, too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_plus, urlsplit

from .url import HIDDEN

__all__ = ["hide", "hide_in_log", "in_headers", "in_url"]

MIN_CHARS = 4

_queries: set[str] = set()  # with the "?"


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, the longest first, so that none is left in part."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= MIN_CHARS:
            text = text.replace(secret, HIDDEN)
    return text


def in_url(url: str) -> Iterator[str]:
    """User and password, the query, its parts and their values, as written and as read.

    A user beside a password is only a name; without one it may be a token.
    """
    parts = urlsplit(url)
    if parts.username is not None:
        yield parts.netloc.rpartition("@")[0]
        yield from _as_read(parts.password or parts.username)
    yield parts.query
    for pair in parts.query.split("&"):
        yield from _as_read(pair)
        yield from _as_read(pair.partition("=")[2])


def in_headers(values: Iterable[str]) -> Iterator[str]:
    """The values, and their words but the first: a server may repeat the token without `Bearer`."""
    for value in values:
        yield value
        yield from value.split()[1:]


def hide_in_log(queries: Iterable[str]) -> None:
    """Keep the queries of our requests, as they are sent, out of urllib3's log."""
    _queries.update(f"?{query}" for query in queries if query)
    if _queries:
        logging.getLogger("urllib3.connectionpool").addFilter(_hide_queries)  # the same one once, however often


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
