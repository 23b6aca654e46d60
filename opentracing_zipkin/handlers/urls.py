"""User and password in URLs, wherever these stand in a text; and whole queries.

Rules: all that stands before the `@` is masked, because a token may be the user's name.  A password may hold any character,
also those that a URL would have to escape.  So where we cannot tell where it ends, more is masked, never less: what remains is
a host, a port and a path.  Each character is looked at a few times at most.
"""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["without_queries", "without_users"]

# A URL's begin, also with a usual slip, as in http:/host; or the begin of one without a scheme.
_START = re.compile(r"(?<![\w+.-])[a-z][\w+.-]{0,40}:[/\\]+|[/\\]{2,}", re.IGNORECASE)
# A host with what is no port: where there is no @, a text may have been cut in the middle of a password.
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
    """What follows a URL's `//`, up to the next URL; in a `mongodb://` and the like a password may hold slashes."""
    run = _END_OF_RUN.split(text, maxsplit=1)[0]
    authority = _END_OF_AUTHORITY.split(run, maxsplit=1)[0]
    at = (authority if is_web else run).rfind("@")
    if at < 0:
        at = _hidden_at(text, run, authority)
    if at is None:
        return text
    return mask + text[at:]


def _hidden_at(text: str, run: str, authority: str) -> int | None:
    """Where the host begins although there is no `@` before the path; None where there is no user."""
    hosts = [_HOST_AND_PORT.fullmatch(host) for host in authority.split(",")]
    if all(hosts):
        # Either a host and its port, or a user and a password that begins with digits: before an @ that ends a word.
        path = re.split(r"[?#]", run, maxsplit=1)[0]
        at = path.rfind("@")
        is_port = any(host is not None and host[1] for host in hosts)
        return at if at > 0 and is_port and path[at - 1] not in "/\\" else None
    at = run.rfind("@")
    if at < 0:
        at = text.rfind("@")
    # Without an @ it is a text that was cut in the middle of a password.
    return at if at >= 0 else len(_BLANK.split(text, maxsplit=1)[0])


def _without_bare_users(text: str, mask: str) -> str:
    """`user:password@host` without `//` before it."""
    words = _WORDS.split(text)
    for place, word in enumerate(words):
        if "@" in word:
            starts = [start.start() for start in _START.finditer(word)]
            bounds = [0, *starts, len(word)]
            words[place] = "".join(_without_bare_user(word[begin:end], mask) for begin, end in pairwise(bounds))
    return "".join(words)


def _without_bare_user(piece: str, mask: str) -> str:
    """A piece of a word, perhaps a URL, whose host was looked at before."""
    start = _START.match(piece)
    end = _END_OF_AUTHORITY.search(piece, start.end()) if start is not None else None
    begin = 0 if start is None else len(piece) if end is None else end.end()
    at = piece.rfind("@")
    user = piece[begin:at]
    # A colon at its end alone is that of an Oracle database's address.
    if at < begin or ":" not in user or (user.endswith(":") and "@" not in user):
        return piece
    return f"{piece[:begin]}{mask}{piece[at:]}"


def without_queries(text: str, mask: str, is_query: bool = False) -> str:
    """The text with the mask in place of each value in a URL's query; `is_query`: it is such a query itself."""
    if is_query:
        return _PARAMETER.sub(lambda found: _masked_parameter(found[0], mask), text)
    if "?" not in text:
        return text
    return _QUERY.sub(lambda query: _PARAMETER.sub(lambda found: _masked_parameter(found[0], mask), query[0]), text)


def _masked_parameter(parameter: str, mask: str) -> str:
    """Its name stays; one without a value may be the secret itself."""
    name, equals, _ = parameter.partition("=")
    return f"{name}={mask}" if equals else mask
