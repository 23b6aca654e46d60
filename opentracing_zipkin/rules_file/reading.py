"""Rules as TOML: the tables `[[rule]]`, whose keys are the arguments of `sampling.Rule`.

Rules: a file is used as a whole or not at all; the error for a mistake has line and column.  Only a thread that may wait for a
disk reads the file.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from typing import Any

from ..option import WrongSetting
from ..sampling import Rule
from .mistakes import Mistake, Steps, place_of

__all__ = ["MAX_FILE_BYTES", "check_reader", "content_of", "rules_in"]

MAX_FILE_BYTES = 65_536  # a hundred rules are 10 KB
MAX_RULES = 1000

TABLE = "rule"
KEYS = ("method", "path", "service", "operation", "kind", "headers", "tags", "rate", "limit")

_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def check_reader() -> None:
    """Raise ImportError, with the remedy, where this Python reads no TOML."""
    if sys.version_info < (3, 11):
        try:
            import tomli  # noqa: F401
        except ImportError:
            raise ImportError(
                "Python 3.10 reads TOML with tomli; install it: pip install tomli (in the repository: pip install '.[toml]')"
            ) from None


def _read(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    document: dict[str, Any] = tomllib.loads(text)
    return document


def content_of(path: str) -> bytes:
    """The file's bytes.  Raises Mistake where it cannot be read, is no file, or is too large."""
    try:
        # O_NONBLOCK, because opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Mistake("is no regular file; use a file of TOML")
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise Mistake(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MAX_FILE_BYTES:
        raise Mistake(f"is larger than {MAX_FILE_BYTES} bytes")
    return content


def rules_in(content: bytes) -> list[Rule]:
    """The rules of a file, in their order.  Raises Mistake for the first mistake."""
    text = _text_of(content)
    document = _document(text)
    for key in document:
        if key != TABLE:
            raise _mistake(
                text, (key,), f"there is no key {key!r}; {_suggestion(key, (TABLE,), f'rules are tables, [[{TABLE}]]')}"
            )
    tables = document.get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _mistake(text, (TABLE,), f"{TABLE} is no list of tables; write [[{TABLE}]], with two brackets")
    if not tables:
        raise Mistake(f"has no rule; write [[{TABLE}]], and below it path = '/health' and rate = 0 for instance")
    if len(tables) > MAX_RULES:
        raise Mistake(f"has {len(tables)} rules; use {MAX_RULES} at most")
    return [_rule(text, place, table) for place, table in enumerate(tables)]


def _text_of(content: bytes) -> str:
    try:
        return content.removeprefix(b"\xef\xbb\xbf").decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = content[: error.start].split(b"\n")
        raise Mistake("this is no UTF-8", len(before), len(before[-1].decode(errors="replace")) + 1) from None


def _document(text: str) -> dict[str, Any]:
    try:
        return _read(text)
    except RecursionError:
        raise Mistake("is nested too deeply") from None
    except ValueError as error:
        found = _PLACE.search(str(error))
        reason = _PLACE.sub("", str(error))
        if found is None:  # a number of thousands of digits
            raise Mistake(f"is no TOML: {reason}") from None
        reason = f"this is no TOML: {reason}"
        if found[1] is None:
            lines = text.rstrip("\n").split("\n")
            raise Mistake(reason, len(lines), len(lines[-1]) + 1) from None
        raise Mistake(reason, int(found[1]), int(found[2])) from None


def _rule(text: str, place: int, table: dict[str, Any]) -> Rule:
    for key in table:
        if key not in KEYS:
            remedy = _suggestion(key, KEYS, f"use {', '.join(KEYS)}")
            raise _mistake(text, (TABLE, place, key), f"a rule has no key {key!r}; {remedy}")
    try:
        return Rule(**table)
    except WrongSetting as error:
        key, _, inner = error.setting.partition(".")
        steps: Steps = (TABLE, place, *([key] if key in table else []), *([inner] if inner else []))
        raise _mistake(text, steps, str(error)) from None


def _mistake(text: str, steps: Steps, reason: str) -> Mistake:
    return Mistake(reason, *place_of(text, steps, _read))


def _suggestion(key: str, known: tuple[str, ...], remedy: str) -> str:
    import difflib  # here, because it takes 7 ms and is rarely needed

    near = difflib.get_close_matches(key.lower(), known, 1)
    return f"did you mean {near[0]!r}?" if near else remedy
