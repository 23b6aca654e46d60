"""Findings, and their output for a reader or for a program.

Rules: a finding is one line with its remedy below it; the output depends on the terminal's width only.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TextIO

from ..text import printable

__all__ = [
    "FAULT",
    "MAX_VALUE_CHARS",
    "OK",
    "WARNING",
    "Finding",
    "Kind",
    "Setting",
    "as_json",
    "exit_status",
    "finding_lines",
    "setting_lines",
]

OK, WARNING, FAULT = "ok", "warning", "fault"
JSON_VERSION = 1  # the version of the JSON shape, to which only names are added

MAX_VALUE_CHARS = 400
MIN_WIDTH, MAX_WIDTH, WIDTH_IN_A_PIPE = 72, 120, 100
_INDENT = "  "  # the indent of a remedy
_STATUS_WIDTH = len(WARNING) + 2
_CHECK_WIDTH = len("instrumentation") + 2


class Finding(NamedTuple):
    """The result of a check.

    `status`: ok, warning or fault; a fault explains missing spans, a warning is something that a reader should know.
    `remedy`: the advice, on one line or as a list.  `code`: the kind's name for programs.
    """

    status: str
    check: str
    text: str
    remedy: str = ""
    code: str = ""


class Kind:
    """A finding that a check can make; its text has placeholders, such as `{url}`, that are filled when it is found."""

    __slots__ = ("check", "code", "remedy", "status", "text")

    def __init__(self, code: str, status: str, check: str, text: str, remedy: str = "") -> None:
        self.code = code
        self.status = status
        self.check = check
        self.text = text
        self.remedy = remedy

    def __call__(self, **values: Any) -> Finding:
        """The finding with these values; each value is made printable and shortened."""
        words = {name: printable(" ".join(str(value).split()), MAX_VALUE_CHARS) for name, value in values.items()}
        return Finding(self.status, self.check, self.text.format(**words), self.remedy.format(**words), self.code)


class Setting(NamedTuple):
    """A setting as it would be used: its value without credentials, and the variable that it comes from, or `default`."""

    name: str
    value: str
    source: str


def width_of(stream: TextIO) -> int:
    """The greatest length of a line."""
    if not stream.isatty():
        return WIDTH_IN_A_PIPE
    return max(MIN_WIDTH, min(shutil.get_terminal_size().columns, MAX_WIDTH))


def setting_lines(settings: Sequence[Setting], stream: TextIO) -> Iterator[str]:
    """The lines for settings that somebody has set and for the most important ones; for the others, only their number."""
    shown = [one for one in settings if one.source != "default" or one.name in _ALWAYS_SHOWN]
    names, sources = (max(len(one[column]) for one in shown) for column in (0, 2))
    left = max(20, width_of(stream) - names - sources - 4)
    for name, value, source in shown:
        cut = value if len(value) <= left else f"{value[: left - 3]}..."
        yield f"{name:{names}}  {source:{sources}}  {cut}".rstrip()
    yield f"the other {len(settings) - len(shown)} settings have their defaults; --json lists all settings"


_ALWAYS_SHOWN = frozenset(("service_name", "endpoint", "encoding", "sample_rate", "enabled", "instrument"))


def finding_lines(finding: Finding, stream: TextIO) -> Iterator[str]:
    """The lines of a finding: status, check and text, then the remedy below them."""
    margin = " " * (_STATUS_WIDTH + _CHECK_WIDTH)
    room = width_of(stream) - len(margin)
    head = f"{finding.status:{_STATUS_WIDTH}}{finding.check:{_CHECK_WIDTH}}"
    for line in _wrapped(finding.text, room):
        yield f"{head}{line}"
        head = margin
    for part in finding.remedy.splitlines():
        for line in _wrapped(part, room - len(_INDENT), "   " if part[0].isdigit() else ""):
            yield f"{margin}{_INDENT}{line}"


def _wrapped(text: str, width: int, below: str = "") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=below, break_long_words=False, break_on_hyphens=False)


def exit_status(findings: Iterable[Finding]) -> int:
    """The exit status: 1 where a fault explains missing spans, else 0."""
    return int(any(finding.status == FAULT for finding in findings))


def as_json(
    settings: Sequence[Setting], libraries: Sequence[tuple[str, str, str]], findings: Sequence[Finding]
) -> dict[str, Any]:
    """The examination for programs; later versions may add names to this shape, and remove none."""
    return {
        "version": JSON_VERSION,
        "status": max((finding.status for finding in findings), key=(OK, WARNING, FAULT).index, default=OK),
        "settings": [{"name": name, "value": value, "from": source} for name, value, source in settings],
        "libraries": [{"name": name, "version": version, "state": state} for name, version, state in libraries],
        "findings": [
            {name: getattr(finding, name) for name in ("status", "check", "code", "text", "remedy")} for finding in findings
        ],
    }
