"""A trace as lines of text."""

from __future__ import annotations

import io
import re
from unicodedata import normalize

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.drawing.cells import clean, fitted, width_of
from opentracing_zipkin.drawing.waterfall import Style, render, style_of
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .spans import READ, ROOT, TRACE, changed

PLAIN = Style(width=78, marks=False)

ASCII = """\
frontend  get /           server    ##############################  100.0 ms
frontend  |-get /stock    client       ###############               50.0 ms
orders    | `-get /stock  server          #########                  30.0 ms
orders    |   `-read      local              ###                     10.0 ms x
          |       OSError: no disk
frontend  `-draw          local                             ######   20.0 ms
"""

BOXES = """\
frontend  get /           server    ██████████████████████████████  100.0 ms
frontend  ├─get /stock    client       ███████████████               50.0 ms
orders    │ └─get /stock  server          █████████                  30.0 ms
orders    │   └─read      local              ███                     10.0 ms ✗
          │       OSError: no disk
frontend  └─draw          local                             ██████   20.0 ms
"""


class Terminal(io.StringIO):
    """A stream with an encoding, which is a terminal or not."""

    def __init__(self, encoding: str, tty: bool) -> None:
        super().__init__()
        self._encoding = encoding
        self._tty = tty

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a class attribute of TextIOBase
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


def text(spans: list[FinishedSpan], style: Style) -> str:
    return "".join(line + "\n" for line in render(spans, style))


@pytest.mark.parametrize(("marks", "expected"), [(False, ASCII), (True, BOXES)], ids=["ascii", "boxes"])
def test_a_trace_is_one_row_a_span_with_a_bar_to_scale(marks: bool, expected: str) -> None:
    """A row has the service, the name in its tree, the kind, a bar to scale and the duration.

    The row of a failed span has a mark, and the error below it.
    """
    assert expected == text(TRACE, PLAIN._replace(marks=marks))


def test_without_colour_there_is_no_escape() -> None:
    """A style without colour writes no control character."""
    assert "\033" not in text(TRACE, Style(colour=False))


def test_with_colour_the_error_is_red() -> None:
    """The failed span's bar, mark and error are red, and nothing else is."""
    lines = text(TRACE, Style(colour=True)).splitlines()
    red = [number for number, line in enumerate(lines) if "\033[31m" in line]

    assert [3, 4] == red
    assert "\033[1;31m✗\033[0m" in lines[3]
    assert "\033[31mOSError: no disk\033[0m" in lines[4]


def test_a_colour_takes_no_room() -> None:
    """Without its escapes a coloured row equals the uncoloured one."""
    coloured = text(TRACE, Style(colour=True))

    assert text(TRACE, Style()) == re.sub("\033\\[[0-9;]*m", "", coloured)


@pytest.mark.parametrize(
    ("encoding", "tty", "environment", "colour", "marks"),
    [
        ("utf-8", True, {}, True, True),
        ("utf-8", True, {"NO_COLOR": "1"}, False, True),
        ("utf-8", True, {"NO_COLOR": ""}, True, True),
        ("utf-8", True, {"TERM": "dumb"}, False, True),
        ("utf-8", False, {}, False, True),
        ("utf-8", False, {"FORCE_COLOR": "1"}, True, True),
        ("utf-8", True, {"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ("utf-8", True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, True),
        ("ascii", True, {}, True, False),
        ("latin-1", False, {}, False, False),
        ("cp437", False, {}, False, False),
    ],
)
def test_the_style_follows_the_terminal(
    encoding: str, tty: bool, environment: dict[str, str], colour: bool, marks: bool
) -> None:
    """Colour and the characters for branches and blocks depend on the terminal, its encoding and the environment.

    Colour needs a terminal that is not dumb, or FORCE_COLOR, and no NO_COLOR.  Branches and blocks need an encoding that has
    all of them.
    """
    style = style_of(Terminal(encoding, tty), environment)

    assert (colour, marks) == (style.colour, style.marks)


def test_a_very_short_span_is_still_seen() -> None:
    """A bar is at least one place long, even for a span that starts at the very end."""
    blink = changed(READ, parent_id="1", timestamp_us=1_100_000, duration_us=1, tags={})

    assert "#" in render([ROOT, blink], PLAIN)[1]


def test_a_span_without_times_has_a_row_without_bar() -> None:
    """A span with nothing but ids has a dash in place of its duration."""
    bare = FinishedSpan("1", "9", "1")

    assert "?         `-(no name)  local" == render([ROOT, bare], PLAIN)[1][:30].rstrip()
    assert render([ROOT, bare], PLAIN)[1].rstrip().endswith(" -")
    assert "#" not in render([ROOT, bare], PLAIN)[1]


def test_control_characters_never_reach_the_terminal() -> None:
    """The control characters of a span never reach the terminal."""
    evil = changed(ROOT, name="a\033[2Jb", local=Endpoint("x\ny"), tags={"error": "\a\r"})

    assert "x?y  a?[2Jb  server" == render([evil], PLAIN)[0][:19]
    assert "??" == render([evil], PLAIN)[1].strip()
    assert all(line.isprintable() for line in render([changed(evil, kind="\033[2J\u202e\n")], PLAIN))


def test_a_long_error_is_cut_at_the_margin() -> None:
    """A long error is cut, so that no line is wider than the style."""
    long = changed(ROOT, tags={"error": "x" * 500})

    assert 78 == max(len(line) for line in render([long], PLAIN)[1:])


def test_no_spans_make_no_lines() -> None:
    """An empty trace has no lines."""
    assert [] == render([], PLAIN)


@pytest.mark.parametrize("columns", [10, 60, 133, 400])
def test_rows_are_as_wide_as_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are as wide as the terminal, from 60 columns on; a narrower terminal breaks the lines."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = render(TRACE, style_of(Terminal("utf-8", True), {"TERM": "dumb"}))

    assert max(60, columns) == max(len(line.rstrip()) for line in lines)


def test_long_names_are_cut_and_deep_traces_stay_in_the_room() -> None:
    """Neither a name of 300 characters nor 500 levels make a row wider than the style."""
    deep = [FinishedSpan("1", str(number), str(number - 1), name="n" * 300, timestamp_us=number) for number in range(1, 501)]
    deep[3].local = Endpoint("s" * 300)
    deep[4].tags["error"] = "e" * 300

    assert 78 == max(len(line) for line in render(deep, PLAIN))
    assert 501 == len(render(deep, PLAIN))


def test_wide_characters_keep_the_columns() -> None:
    """East Asian characters and emoji take two cells, combining marks none."""
    spans = [
        changed(ROOT, name="注文を送る 🚀", local=Endpoint("注文")),
        changed(READ, name="e\u0301", local=Endpoint("cafe\u0301"), parent_id="1"),
    ]
    lines = render(spans, Style(width=78))

    assert [76, 78] == [width_of(line.rstrip()) for line in lines[:2]]
    assert ["注文  注文を送る 🚀  server", "café  └─é            local"] == [
        normalize("NFC", line).partition("█")[0].rstrip() for line in lines[:2]
    ]


@given(st.text(), st.integers(0, 40))
def test_a_fitted_text_takes_exactly_its_room(text: str, width: int) -> None:
    """Any clean text can be fitted into any number of cells, and is printable."""
    found = fitted(clean(text), width)

    assert (width, True) == (width_of(found), found.isprintable())
