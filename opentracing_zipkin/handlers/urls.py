"""Masks user and password in URLs, anywhere in a text; and the values of whole queries.

Rules: everything before the `@` is masked, because the user's name may be a token.  A password may have any character, also one
that should be escaped in a URL.  Where its end is unclear, more is masked, never less; a host, a port and a path remain.  Each
character is read a few times at most.
"""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["without_queries", "without_users"]

# The beginning of a URL, also with the usual mistake http:/host, or without a scheme.
_START = re.compile(r"(?<![\w+.-])[a-z][\w+.-]{0,40}:[/\\]+|[/\\]{2,}", re.IGNORECASE)
# A host and a colon without a port: if there is no @, the text may have been cut in the middle of a password.
_CUT = re.compile(r"[/\\][^/?#\\\s:\[]*:(?!\d{1,5}(?:[/?#,;\s]|\Z))")
_END_OF_RUN = re.compile(r"[\s\"'<>`]")
_BLANK = re.compile(r"\s")
_END_OF_AUTHORITY = re.compile(r"[/?#\\;]")
_HOST_AND_PORT = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]*)(?::(\d+))?")
_ORACLE = re.compile(r"(?<=jdbc:oracle:)(?P<driver>\w{1,20}:)[^@\s]+(?=@)", re.IGNORECASE)
_WORDS = re.compile(r"([\s\"'<>`]+)")

_QUERY = re.compile(r"(?<=\?)[^\s\"'<>#`]+")
_PARAMETER = re.compile(r"[^&;]+")


def without_users(text: str, mask: str) -> str:
    """The text with the mask in place of each `user:password` before an `@`."""
    if "@" not in text and not _CUT.search(text):
        return text
    if "@" in text:
        text = _ORACLE.sub(lambda found: f"{found['driver']}{mask}", text)
    starts = list(_START.finditer(text))
    if starts:
        pieces, ends = [text[: starts[0].start()]], [*(start.start() for start in starts[1:]), len(text)]
        for start, end in zip(starts, ends, strict=True):
            is_web = not start[0][0].isalpha() or start[0][:4].lower() == "http"
            pieces += [start[0], _without_user(text[start.end() : end], is_web, mask)]
        text = "".join(pieces)
    return _without_bare_users(text, mask) if "@" in text else text


def _without_user(text: str, is_web: bool, mask: str) -> str:
    """Mask the user in the text after a URL's `//`; with a scheme such as `mongodb://`, a password may have slashes."""
    run = _END_OF_RUN.split(text, maxsplit=1)[0]
    authority = _END_OF_AUTHORITY.split(run, maxsplit=1)[0]
    at = (authority if is_web else run).rfind("@")
    if at < 0:
        at = _hidden_at(text, run, authority)
    if at is None:
        return text
    return mask + text[at:]


def _hidden_at(text: str, run: str, authority: str) -> int | None:
    """The position of the host where no `@` stands before the path; None where there is no user."""
    hosts = [_HOST_AND_PORT.fullmatch(host) for host in authority.split(",")]
    if all(hosts):
        # A host and its port; or a user and a password that begins with digits, if an @ follows.
        path = re.split(r"[?#]", run, maxsplit=1)[0]
        at = path.rfind("@")
        is_port = any(host is not None and host[1] for host in hosts)
        return at if at > 0 and is_port and path[at - 1] not in "/\\" else None
    at = run.rfind("@")
    if at < 0:
        at = text.rfind("@")
    # Without an @, the text was cut in the middle of a password.
    return at if at >= 0 else len(_BLANK.split(text, maxsplit=1)[0])


def _without_bare_users(text: str, mask: str) -> str:
    """Mask the user in `user:password@host` without `//` before it."""
    words = _WORDS.split(text)
    for place, word in enumerate(words):
        if "@" in word:
            starts = [start.start() for start in _START.finditer(word)]
            bounds = [0, *starts, len(word)]
            words[place] = "".join(_without_bare_user(word[begin:end], mask) for begin, end in pairwise(bounds))
    return "".join(words)


def _without_bare_user(piece: str, mask: str) -> str:
    """Mask the user in a piece of a word; if it is a URL, only behind its host, which was searched before."""
    start = _START.match(piece)
    end = _END_OF_AUTHORITY.search(piece, start.end()) if start is not None else None
    begin = 0 if start is None else len(piece) if end is None else end.end()
    at = piece.rfind("@")
    user = piece[begin:at]
    # If the only colon is the last character, this is the address of an Oracle database.
    if at < begin or ":" not in user or (user.endswith(":") and "@" not in user):
        return piece
    return f"{piece[:begin]}{mask}{piece[at:]}"


def without_queries(text: str, mask: str, is_query: bool = False) -> str:
    """The text with the mask in place of each value in a URL's query; `is_query`: the text itself is a query."""
    if is_query:
        return _PARAMETER.sub(lambda found: _masked_parameter(found[0], mask), text)
    if "?" not in text:
        return text
    return _QUERY.sub(lambda query: _PARAMETER.sub(lambda found: _masked_parameter(found[0], mask), query[0]), text)


def _masked_parameter(parameter: str, mask: str) -> str:
    """A parameter with its value masked; one without a value is masked whole, because it may be the secret."""
    name, equals, _ = parameter.partition("=")
    return f"{name}={mask}" if equals else mask
