"""A finding, what it can say, and how a reader or a program gets it.

Rules: a line a finding, with its remedy beneath; nothing here looks at the terminal but its width.
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
JSON_VERSION = 1  # of the shape; it grows by names only

MAX_VALUE_CHARS = 400
MIN_WIDTH, MAX_WIDTH, WIDTH_IN_A_PIPE = 72, 120, 100
_INDENT = "  "  # of a remedy
_STATUS_WIDTH = len(WARNING) + 2
_CHECK_WIDTH = len("instrumentation") + 2


class Finding(NamedTuple):
    """The result of a check: `status` is ok, warning or fault, `remedy` what to do, on one line or as a list; `code` is
    the kind's name for programs.

    A fault explains spans that are missing; a warning is what a reader should know.
    """

    status: str
    check: str
    text: str
    remedy: str = ""
    code: str = ""


class Kind:
    """A finding that a check can make, with places, such as `{url}`, that are filled in when it is found."""

    __slots__ = ("check", "code", "remedy", "status", "text")

    def __init__(self, code: str, status: str, check: str, text: str, remedy: str = "") -> None:
        self.code = code
        self.status = status
        self.check = check
        self.text = text
        self.remedy = remedy

    def __call__(self, **values: Any) -> Finding:
        """The finding; each value is made printable and cut."""
        words = {name: printable(" ".join(str(value).split()), MAX_VALUE_CHARS) for name, value in values.items()}
        return Finding(self.status, self.check, self.text.format(**words), self.remedy.format(**words), self.code)


class Setting(NamedTuple):
    """A setting as it would be used: its value as it may be shown, and the variable that it comes from, or `default`."""

    name: str
    value: str
    source: str


def width_of(stream: TextIO) -> int:
    """How long a line may be."""
    if not stream.isatty():
        return WIDTH_IN_A_PIPE
    return max(MIN_WIDTH, min(shutil.get_terminal_size().columns, MAX_WIDTH))


def setting_lines(settings: Sequence[Setting], stream: TextIO) -> Iterator[str]:
    """Those that somebody has set, and those that matter most; of the others the number."""
    shown = [one for one in settings if one.source != "default" or one.name in _TOLD_ALWAYS]
    names, sources = (max(len(one[column]) for one in shown) for column in (0, 2))
    left = max(20, width_of(stream) - names - sources - 4)
    for name, value, source in shown:
        cut = value if len(value) <= left else f"{value[: left - 3]}..."
        yield f"{name:{names}}  {source:{sources}}  {cut}".rstrip()
    yield f"the other {len(settings) - len(shown)} settings have their defaults; --json lists all settings"


_TOLD_ALWAYS = frozenset(("service_name", "endpoint", "encoding", "sample_rate", "enabled", "instrument"))


def finding_lines(finding: Finding, stream: TextIO) -> Iterator[str]:
    """The mark, the check and what was found; beneath it the remedy."""
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
    """1 where a fault explains missing spans, else 0."""
    return int(any(finding.status == FAULT for finding in findings))


def as_json(
    settings: Sequence[Setting], libraries: Sequence[tuple[str, str, str]], findings: Sequence[Finding]
) -> dict[str, Any]:
    """For programs: names are added to this shape, and none is taken away."""
    return {
        "version": JSON_VERSION,
        "status": max((finding.status for finding in findings), key=(OK, WARNING, FAULT).index, default=OK),
        "settings": [{"name": name, "value": value, "from": source} for name, value, source in settings],
        "libraries": [{"name": name, "version": version, "state": state} for name, version, state in libraries],
        "findings": [
            {name: getattr(finding, name) for name in ("status", "check", "code", "text", "remedy")} for finding in findings
        ],
    }
