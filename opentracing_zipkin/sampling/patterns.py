"""Patterns of rules: `*` stands for any text, and in a path `{name}` or `<name>`, as in a route, for one part of it.

Rules: a pattern is matched by looking for its pieces one after the other, never by a regular expression with several `*`, or
with several names in one part: the path is a stranger's text, and such an expression may take minutes for a path that was made
for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

__all__ = ["Matcher", "path_matcher", "text_matcher"]

Matcher = Callable[[str], bool]

MAX_LENGTH = 8192  # characters of a text that are looked at

# Flask's and Django's `<int:id>`, FastAPI's and Starlette's `{id}`; those that take the rest of the path, slashes included.
_PARAMETER = re.compile(r"\{[^{}/]*\}|<[^<>/]*>")
_STEP = re.compile(rf"(\*|{_PARAMETER.pattern})")
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
    first, *others = pattern.split("*")
    if any(len(_PARAMETER.findall(part)) > 1 for part in first.split("/")) or any(map(_PARAMETER.search, others)):
        return _places_matcher(pattern)
    return _matcher([_piece(piece) for piece in (first, *others)])


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


# Patterns with several names in a part of the path, or with one after a `*`


def _places_matcher(pattern: str) -> Matcher:
    """Follows all places at once where the pattern's beginning may end: bit n of a number is the place before character n."""
    steps = [step for step in _STEP.split(pattern) if step]

    def matches(text: str) -> bool:
        text = text[:MAX_LENGTH]
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
    """One character or more, up to the next slash: the sum carries each place to the slash."""
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
    """The first is the lowest."""
    return int("".join(bits)[::-1] or "0", 2)
