"""The number of terminal cells that a text takes, and texts of a given number of cells.

Rules: text of a span is made printable first: control characters, line ends and marks that change the direction of writing
never reach a terminal.  East Asian wide characters and emoji take two cells, combining marks none.
Source: Unicode Standard Annex 11, "East Asian Width".
"""

from __future__ import annotations

from unicodedata import category, east_asian_width

__all__ = ["clean", "fitted", "width_of"]

# These choose the emoji or the text form of the character before them; terminals disagree about its width then.
_VARIATIONS = {0xFE0E: None, 0xFE0F: None}
_COMBINING = frozenset(("Mn", "Me"))


def clean(text: str) -> str:
    """The text with a question mark in place of each character that is not printable."""
    if not text.isascii():
        text = text.translate(_VARIATIONS)
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


def width_of(text: str) -> int:
    """The width of a clean text in cells."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if east_asian_width(character) in "WF":
        return 2
    return 0 if category(character) in _COMBINING else 1


def fitted(text: str, width: int, cut: str = "…") -> str:
    """The text with exactly `width` cells: filled up with blanks, or cut and marked as cut."""
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
