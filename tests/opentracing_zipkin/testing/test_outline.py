"""An outline of a test's spans."""

from __future__ import annotations

from itertools import permutations

import pytest

from opentracing_zipkin.model import Endpoint, FinishedSpan
from opentracing_zipkin.testing.outline import compare

SHOP, PAYMENT = Endpoint("shop"), Endpoint("payment")


def span(
    number: int, parent: int | None, name: str, kind: str | None = None, local: Endpoint = SHOP, **tags: str
) -> FinishedSpan:
    parent_id = None if parent is None else f"{parent:016x}"
    remote = PAYMENT if kind == "CLIENT" else None
    return FinishedSpan("a" * 16, f"{number:016x}", parent_id, kind, name, number, 10, local, remote, tags=tags)


TRACE = [
    span(1, None, "post /checkout", "SERVER", status="502"),
    span(2, 1, "read the cart"),
    span(3, 1, "post /charge", "CLIENT", error="declined: no money"),
    span(4, 3, "post /charge", "SERVER", PAYMENT),
]

WHOLE = """
    shop: post /checkout  SERVER  status=502
      shop: read the cart
      shop: post /charge  CLIENT  -> payment  error=declined: no money
        payment: post /charge  SERVER
"""


@pytest.mark.parametrize(
    "outline",
    [
        WHOLE,
        "post /checkout\n  post /charge\n     post /charge\n  read the cart\n",
        "POST /checkout SERVER\n\tread the cart LOCAL\n\tpost /charge CLIENT\n\t\tpost /charge SERVER",
        "post /checkout\n├─read the cart\n└─post /charge   error\n  └─payment: post /charge",
        "post /checkout\n  ...",
        "post /checkout\n  read the cart\n  ...\n",
        "...",
        "shop: post /checkout  status\n  post /charge\n    ...\n  read the cart  local",
    ],
)
def test_an_outline_says_as_much_as_is_of_interest(outline: str) -> None:
    """Services, kinds, remote services and tags may be left out, and lines of one level may stand in any order."""
    for spans in permutations(TRACE):
        assert "" == compare(outline, spans)


@pytest.mark.parametrize(
    ("outline", "difference"),
    [
        (
            WHOLE.replace("502", "200").replace("declined: no money", "lost"),
            (
                "- shop: post /checkout  SERVER  status=200\n"
                "+ shop: post /checkout  SERVER  status=502\n"
                "    shop: read the cart\n"
                "-   shop: post /charge  CLIENT  -> payment  error=lost\n"
                "+   shop: post /charge  CLIENT  -> payment  error=declined: no money\n"
                "      payment: post /charge  SERVER"
            ),
        ),
        (
            "post /checkout\n  read the cart  CLIENT\n  pack\n",
            (
                "  post /checkout\n"
                "-   read the cart  CLIENT\n"
                "+   read the cart  LOCAL\n"
                "-   pack\n"
                "+   shop: post /charge  CLIENT  -> payment  error=declined: no money\n"
                "+     payment: post /charge  SERVER"
            ),
        ),
        (
            "post /checkout  ...\n  ...\n  a\n    ...",
            "- post /checkout  ...\n+ post /checkout\n-   a\n-     ...\n    ...",
        ),
        (
            "",
            (
                "+ shop: post /checkout  SERVER  status=502\n"
                "+   shop: read the cart\n"
                "+   shop: post /charge  CLIENT  -> payment  error=declined: no money\n"
                "+     payment: post /charge  SERVER"
            ),
        ),
    ],
)
def test_a_difference_is_shown_line_by_line(outline: str, difference: str) -> None:
    """A difference has a - before expected lines and a + before recorded ones, each in its place."""
    assert difference == compare(outline, TRACE)


def test_lines_that_say_less_leave_others_their_spans() -> None:
    """If two lines fit a span, the line that fits no other span gets it."""
    spans = [span(1, None, "get", status="500"), span(2, None, "get", status="200")]

    assert "" == compare("get\nget  status=500", spans)
    assert "" == compare("get  status=200\nget", spans)


def test_spans_without_their_parents_are_roots() -> None:
    """A span whose parent was not recorded is a root of the outline."""
    assert "" == compare("read the cart\npost /charge\n  post /charge", TRACE[1:])


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        ("a\n    b\n  c", r"line 3 of the outline: the indentation of 'c' fits no line above it; check it"),
        ("a  no tag", r"line 1 of the outline: 'no tag' is no kind, '-> service' or tag 'key=value'; columns have two blanks"),
    ],
)
def test_what_is_no_outline_is_refused(outline: str, words: str) -> None:
    """The error for a wrong outline names the line and the remedy."""
    with pytest.raises(ValueError, match=words):
        compare(outline, TRACE)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("read the cart item=tea", "'item=tea' is read as a part of the name: columns have two blanks between them"),
        ("read the cart -> payment", "'-> payment' is read as a part of the name: columns have two blanks between them"),
        ("read the cart  item=tea", ""),
        ("read the carts", ""),
    ],
)
def test_a_single_blank_between_columns_is_pointed_out(line: str, hint: str) -> None:
    """A hint is given if a name with a column in it fits no span."""
    last = compare(f"{line}\n...", TRACE[1:2]).splitlines()[-1]

    assert hint == (last if "part of the name" in last else "")


def test_a_name_may_hold_an_equals_sign() -> None:
    """A name with an equals sign gets no hint if a span has that name."""
    spans = [span(1, None, "select a=b", status="200")]

    assert "" == compare("select a=b", spans)
    assert "- select a=b  status=500\n+ select a=b  status=200" == compare("select a=b  status=500", spans)


def test_a_difference_is_bounded() -> None:
    """A difference has at most 100 lines and the number of further ones."""
    lines = compare("", [span(number, None, "x") for number in range(1, 151)]).splitlines()

    assert (101, "  and 50 more lines") == (len(lines), lines[-1])


def test_a_deep_trace_is_compared() -> None:
    """A difference of 2,000 unexpected levels is shown, too."""
    deep = [span(number, number - 1, "x") for number in range(1, 2_001)]

    assert compare("x", deep).endswith("more lines")
    assert "" == compare("x\n  ...", deep)
