"""How many cells of a terminal a text takes, and texts made to take a given number.

Rules: whatever a span holds becomes printable first: control characters, line ends and marks that turn the writing's direction
never reach a terminal.  East Asian wide characters and emoji take two cells, combining marks none.
Source: Unicode Standard Annex 11, "East Asian Width".
"""

from __future__ import annotations

from unicodedata import category, east_asian_width

__all__ = ["clean", "fitted", "width_of"]

# These ask for the emoji or the text form of the character before them; terminals differ in how wide it is then.
_VARIATIONS = {0xFE0E: None, 0xFE0F: None}
_COMBINING = frozenset(("Mn", "Me"))


def clean(text: str) -> str:
    """With a question mark for each character that is not printable."""
    if not text.isascii():
        text = text.translate(_VARIATIONS)
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


def width_of(text: str) -> int:
    """In cells; `text` is clean."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if east_asian_width(character) in "WF":
        return 2
    return 0 if category(character) in _COMBINING else 1


def fitted(text: str, width: int, cut: str = "…") -> str:
    """Exactly so many cells: filled up with blanks, or cut with a sign of it."""
    missing = width - width_of(text)
    if missing >= 0:
        return text + " " * missing
    kept, room = "", width - len(cut)
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept += character
    return fitted(kept + cut, width) if width >= len(cut) else " " * width
