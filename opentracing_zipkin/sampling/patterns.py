"""Patterns of rules: `*` stands for any text, and in a path `{name}` or `<name>`, as in a route, for one part of it.

Rules: a pattern is matched by looking for its pieces one after the other, never by a regular expression with several `*`: the
path is a stranger's text, and such an expression may take minutes for a path that was made for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["Matcher", "path_matcher", "text_matcher"]

Matcher = Callable[[str], bool]

MAX_LENGTH = 8192  # characters of a text that are looked at

# Flask's and Django's `<int:id>`, FastAPI's and Starlette's `{id}`; those that take the rest of the path, slashes included.
_PARAMETER = re.compile(r"\{[^{}/]*\}|<[^<>/]*>")
_OF_SEVERAL_PARTS = re.compile(r"\{[^{}/]*:path\}|<path:[^<>/]*>")
_ONE_PART = "[^/]+?"


def text_matcher(pattern: str) -> Matcher:
    """The matcher of a pattern for any text; capitals count."""
    if "*" not in pattern:
        return pattern.__eq__
    return _matcher([re.escape(piece) for piece in pattern.split("*")])


def path_matcher(pattern: str) -> Matcher:
    """The matcher of a pattern for paths, or of a route's template."""
    pattern = _OF_SEVERAL_PARTS.sub("*", pattern)
    if "*" not in pattern and not _PARAMETER.search(pattern):
        return pattern.__eq__
    return _matcher([_piece(piece) for piece in pattern.split("*")])


def _piece(text: str) -> str:
    """A regular expression without a `*` of its own that could meet another."""
    return _ONE_PART.join(map(re.escape, _PARAMETER.split(text)))


def _matcher(pieces: list[str]) -> Matcher:
    if len(pieces) == 1:
        whole = re.compile(pieces[0])
        return lambda text: whole.fullmatch(text, 0, MAX_LENGTH) is not None
    first, *between = [re.compile(piece, re.DOTALL) for piece in pieces[:-1]]
    # The last one is looked for at the end, where it has to be.
    last = re.compile(f"(?:{pieces[-1]})\\Z", re.DOTALL)

    def matches(text: str) -> bool:
        text = text[:MAX_LENGTH]
        found = first.match(text)
        for piece in between:
            if found is None:
                return False
            found = piece.search(text, found.end())
        return found is not None and last.search(text, found.end()) is not None

    return matches
