"""Patterns of rules: `*` stands for any text; in a path `{name}` or `<name>` stands for one part of it, as in a route.

Rules: the pieces of a pattern are searched one after the other.  There is no regular expression with several `*`, or with
several names in one part, because a path comes from strangers, and a path made on purpose could keep such an expression busy
for minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

__all__ = ["Matcher", "path_matcher", "text_matcher"]

Matcher = Callable[[str], bool]

MAX_TEXT_CHARS = 8192  # the rest of a longer text is ignored

# `<int:id>` of Flask and Django, `{id}` of FastAPI and Starlette; below, those that also match slashes.
_PARAMETER = re.compile(r"\{[^{}/]*\}|<[^<>/]*>")
_STEP = re.compile(rf"(\*|{_PARAMETER.pattern})")
_OF_SEVERAL_PARTS = re.compile(r"\{[^{}/]*:path\}|<path:[^<>/]*>")
_ONE_PART = "[^/]+?"


def text_matcher(pattern: str) -> Matcher:
    """The matcher for a pattern of any text; the case matters."""
    if "*" not in pattern:
        return pattern.__eq__
    return _matcher([re.escape(piece) for piece in pattern.split("*")])


def path_matcher(pattern: str) -> Matcher:
    """The matcher for a pattern of paths, or for a route's template."""
    pattern = _OF_SEVERAL_PARTS.sub("*", pattern)
    if "*" not in pattern and not _PARAMETER.search(pattern):
        return pattern.__eq__
    first, *others = pattern.split("*")
    if any(len(_PARAMETER.findall(part)) > 1 for part in first.split("/")) or any(map(_PARAMETER.search, others)):
        return _bits_matcher(pattern)
    return _matcher([_piece(piece) for piece in (first, *others)])


def _piece(text: str) -> str:
    """The regular expression for the text between two `*`."""
    return _ONE_PART.join(map(re.escape, _PARAMETER.split(text)))


def _matcher(pieces: list[str]) -> Matcher:
    if len(pieces) == 1:
        whole = re.compile(pieces[0])
        return lambda text: whole.fullmatch(text, 0, MAX_TEXT_CHARS) is not None
    first, *between = [re.compile(piece, re.DOTALL) for piece in pieces[:-1]]
    # The last piece is anchored at the end.
    last = re.compile(f"(?:{pieces[-1]})\\Z", re.DOTALL)

    def matches(text: str) -> bool:
        text = text[:MAX_TEXT_CHARS]
        found = first.match(text)
        for piece in between:
            if found is None:
                return False
            found = piece.search(text, found.end())
        return found is not None and last.search(text, found.end()) is not None

    return matches


# Patterns with several names in a part of the path, or with one after a `*`


def _bits_matcher(pattern: str) -> Matcher:
    """The matcher that follows all possible positions at once: bit n of a number stands for the position before character n."""
    steps = [step for step in _STEP.split(pattern) if step]

    def matches(text: str) -> bool:
        text = text[:MAX_TEXT_CHARS]
        places, last = 1, 1 << len(text)
        for step in steps:
            if step == "*":
                places = -(places & -places) & (2 * last - 1)
            elif _PARAMETER.fullmatch(step):
                places = _after_part(places, text)
            else:
                places = (places & _starts_of(step, text)) << len(step)
            if not places:
                return False
        return places & last != 0

    return matches


def _after_part(places: int, text: str) -> int:
    """The positions after one or more characters that are no slash: the addition carries each bit up to the next slash."""
    free = _bits("0" if char == "/" else "1" for char in text)
    filled = (((places & free) + free) ^ free) | places
    return (filled & free) << 1


def _starts_of(step: str, text: str) -> int:
    starts = ["0"] * (len(text) + 1)
    place = text.find(step)
    while place >= 0:
        starts[place] = "1"
        place = text.find(step, place + 1)
    return _bits(starts)


def _bits(bits: Iterable[str]) -> int:
    """The number whose lowest bit is the first of `bits`."""
    return int("".join(bits)[::-1] or "0", 2)
