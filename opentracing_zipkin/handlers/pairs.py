"""Secrets that follow their name in a text: `password=…`, `"token": "…"`, `Authorization: …`, `--secret …`, `<pin>…</pin>`.

Rules: a text may be a query, a DSN, JSON, headers, a command line or the fields of a log record, and nothing says which.  So a
value without quotes ends where another pair begins, or with the text.  A text is read once, from left to right.
"""

from __future__ import annotations

import re

from .elements import without_elements
from .keys import Keys

__all__ = ["without_pairs"]

# A name, perhaps quoted or in brackets, and the mark between it and its value; or an option of a command line.  The name is
# matched in a lookahead, so that no shorter name is tried.
_PAIR = re.compile(
    r"(?:(?<![\w-])(?P<option>--[\w.-]+)\s{1,8}(?!--|[=:\s])"
    r"|(?<![\w.%+-])(?=(?P<name>[\w.%+-]+))(?P=name)(?:\]?(?:\[[\w.-]{0,64}\]){1,8}|\]|(?P<quote>\\*[\"'])|[*`]{1,3})?"
    r"\s*(?P<mark>=>|:=|==|[=:]|(?<=[\"'])(?:[,;]?\s*\\*[\"']?val(?:ue)?\\*[\"']?\s*[=:]|,|\r?\n(?=\r?\n)))\s*)"
)
_NEXT_PAIR = re.compile(r"[\s;,&?](?=\s{0,8}-{0,2}[\w.%+-]+(?:\]|\\*[\"'])?\s{0,8}:?=)|\s(?=--\w)")
_END_IN_QUERY = re.compile(r"[\s\"']|[&;](?=[\w.%+\[\]-]+=)")
_END_OF_LINE = re.compile(r"[\r\n]")
_END_OF_HEADER = re.compile(r"\r?\n(?![ \t])|\r(?!\n)")  # a line that begins with a blank belongs to the one before
_QUOTE = re.compile(r"[a-zA-Z]{0,2}(?P<mark>\\*[\"'`])")
_AFTER_ATOM = re.compile(r"(?P<after>)\s{0,8}(?:[,}\]]|\Z)")
_ATOM = re.compile(rf"[\w.+-]+{_AFTER_ATOM.pattern}")  # a number, true or null in JSON
_AFTER_QUOTED = frozenset(" \t\r\n,;&)}]>\\\"'`?#|")
# The values of these names have names, blanks and marks in them.
_LONG_VALUE_NAME = re.compile(r"cookie|authori[sz]ation", re.IGNORECASE)
_YAML_BLOCK = re.compile(r"[|>][-+\d]{0,2}[ \t]*[\r\n]")  # the value is in the following lines
_FORM_FIELD = re.compile(r"\bname=\\*[\"']?\Z", re.IGNORECASE)  # a part of multipart/form-data
_EXCEPTION = re.compile(r"(?:Error|Exception|Warning|Failure|Fault)\Z", re.IGNORECASE)


def without_pairs(text: str, keys: Keys, mask: str, quoted_only: bool = False) -> str:
    """The text with the mask in place of each value that follows one of the keys.

    `quoted_only` is for SQL, where `token = %s` has no secret.
    """
    if ">" in text and not quoted_only:
        text = without_elements(text, keys, mask)
    pieces, done, place = [], 0, 0
    while True:
        found = _PAIR.search(text, place)
        if found is None:
            break
        name = found["option"] or found["name"]
        start, end = _value(text, found, mask, quoted_only) if name in keys and _is_pair(text, found) else (0, 0)
        if start < end and keys.is_secret(name, text[start:end]):
            pieces += [text[done:start], mask]
            done = end
        # Without a secret the value may begin with the name of the next pair.
        place = max(end, found.end("option") if found["option"] else found.end("name") + 1)
    return "".join([*pieces, text[done:]]) if pieces else text


def _is_pair(text: str, found: re.Match[str]) -> bool:
    mark = found["mark"]
    if mark is not None and mark[-1] == "\n":
        return _FORM_FIELD.search(text, max(0, found.start() - 16), found.start()) is not None
    if mark == ":":
        return not _EXCEPTION.search(found["name"])
    # A comma is a mark only in a Python tuple, such as ('password', '…').
    return mark is None or mark[-1] != "," or _QUOTE.match(text, found.end()) is not None


def _value(text: str, found: re.Match[str], mask: str, quoted_only: bool) -> tuple[int, int]:
    """The positions where the value begins and ends."""
    start, mark = found.end(), found["mark"]
    if mark is not None and mark[-1] == "\n":
        end = text.find("\n--", start)
        return start, end if end >= 0 else len(text)
    quote = _QUOTE.match(text, start)
    if quote is not None:
        return _quoted(text, quote)
    if quoted_only:
        return start, start
    is_masked = text.startswith(mask, start)
    if not is_masked and text[start : start + 1] in ("{", "[", "("):
        return start, len(text)
    if found["quote"]:
        atom = (_AFTER_ATOM if is_masked else _ATOM).match(text, start + len(mask) if is_masked else start)
        if atom is not None:
            return start, atom.start("after")
    if mark == ":" and _YAML_BLOCK.match(text, start):
        return start, len(text)
    is_long = _LONG_VALUE_NAME.search(found["option"] or found["name"])
    if mark == ":":
        return start, _end_at(_END_OF_HEADER if is_long else _END_OF_LINE, text, start)
    if is_long:
        return start, len(text)
    is_query = text[found.start() - 1 : found.start()] in ("?", "&") and "jdbc:" not in text
    return start, _end_at(_END_IN_QUERY if is_query else _NEXT_PAIR, text, start)


def _quoted(text: str, quote: re.Match[str]) -> tuple[int, int]:
    """The positions inside the quotes; to the text's end if the quotes are not closed, or if more of the value follows them."""
    start, mark = quote.end(), quote["mark"]
    place = start
    while True:
        end = text.find(mark, place)
        if end < 0:
            return start, len(text)
        after = text[end + len(mark) : end + len(mark) + 1]
        if len(mark) == 1 and _is_escaped(text, end, start):
            place = end + 1
        elif after == mark:  # a doubled quote belongs to the value
            place = end + 2
        elif after and after not in _AFTER_QUOTED:
            return start, len(text)
        else:
            return start, end


def _is_escaped(text: str, place: int, start: int) -> bool:
    first = place
    while first > start and text[first - 1] == "\\":
        first -= 1
    return (place - first) % 2 == 1


def _end_at(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.search(text, start)
    return len(text) if found is None else found.start()
