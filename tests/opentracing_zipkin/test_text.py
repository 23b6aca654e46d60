"""Any value as text: the text, and how few parts of the value are read for it."""

from __future__ import annotations

import array
import itertools
import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.text import describe_exception, entries, format_message, inert, is_false, to_text

LONGEST = 8192

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=8)
)


@given(st.lists(_JSON) | st.dictionaries(st.text(), _JSON) | _JSON.map(lambda inner: [inner] * 200), st.integers(1, 900))
def test_a_list_or_dict_is_the_beginning_of_its_json(value: Any, longest: int) -> None:
    """A text that is cut while it is made is the same as a text that is cut afterwards."""
    assert json.dumps(value, ensure_ascii=False)[:longest] == to_text(value, longest)


_ANY = st.recursive(
    _LEAVES | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=5).map(tuple) | st.lists(inner, max_size=5) | st.dictionaries(st.integers(), inner, max_size=5),
)  # fmt: skip


@given(st.lists(_ANY).map(tuple), st.integers(1, 300))
def test_a_tuple_is_the_beginning_of_its_repr(value: Any, longest: int) -> None:
    """A tuple is the beginning of its repr, because it is no JSON."""
    assert repr(value)[:longest] == to_text(value, longest)


class Pair(NamedTuple):
    left: Any
    right: Any


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({1, 2}, "{1, 2}"),
        (deque([1]), "deque([1])"),
        ({"a": 1}.keys(), "dict_keys(['a'])"),
        (OrderedDict(a=(1, 2)), '{"a": [1, 2]}'),
        (MappingProxyType({"a": 1}), "mappingproxy({'a': 1})"),
        (Pair(1, "x"), "Pair(left=1, right='x')"),
        ([b"x"], "[b'x']"),
        (memoryview(b"x")[:0].nbytes, "0"),
        (range(10**9), "range(0, 1000000000)"),
        ([float("nan")], "[NaN]"),
        ({1: 2, None: True}, '{"1": 2, "null": true}'),
        (KeyError("k"), "KeyError: 'k'"),
        (KeyError(), "KeyError"),
        (ValueError("a", 1), "ValueError: ('a', 1)"),
        (ValueError([1]), "ValueError: [1]"),
        (OSError(2, "No such file", "x"), "FileNotFoundError: [Errno 2] No such file: 'x'"),
    ],
    ids=repr,
)
def test_what_is_short_is_shown_as_python_shows_it(value: Any, text: str) -> None:
    """A short value is shown in full, as Python shows it."""
    assert text == to_text(value, LONGEST)


def test_what_contains_itself_is_shown_once() -> None:
    """A value inside itself is shown as "...", in JSON and in a repr."""
    around: list[Any] = [1]
    around.append(around)

    assert '[1, "..."]' == to_text(around, LONGEST)
    assert "([1, [...]],)" == to_text((around,), LONGEST)


class Counted(list[Any]):
    """Raises if its `__iter__` is called."""

    seen = 0

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("a method of the user's")


class Item(int):
    """Counts how often it is shown."""

    shown = 0

    def __repr__(self) -> str:
        Item.shown += 1
        return "1"


HUGE = 1_000_000
BIG = [0] * HUGE
LAUGHING: Any = ["ha"] * 10
for _ in range(12):
    LAUGHING = [LAUGHING] * 10

WITHIN: Any = []
WITHIN.extend([WITHIN] * HUGE)
DEEP: Any = [[]] * HUGE
for _ in range(60):
    DEEP = [DEEP] * 2

LARGE: dict[str, Callable[[], Any]] = {
    "list": lambda: BIG,
    "tuple": lambda: tuple(BIG),
    "floats": lambda: [0.5] * HUGE,
    "texts": lambda: ["a"] * HUGE,
    "long texts": lambda: ["x" * 10_000_000] * 10,
    "lists": lambda: [[1]] * HUGE,
    "dict": lambda: dict.fromkeys(range(HUGE)),
    "nested dicts": lambda: {str(number): {"a": {"b": number}} for number in range(50_000)},
    "set": lambda: set(range(HUGE)),
    "deque": lambda: deque(BIG),
    "keys": lambda: dict.fromkeys(range(HUGE)).keys(),
    "lists that are one": lambda: LAUGHING,
    "list of itself": lambda: WITHIN,
    "list below many": lambda: DEEP,
    "empty lists": lambda: [[]] * HUGE,
    "named tuple": lambda: Pair(BIG, BIG),
    "text": lambda: "x" * 100_000_000,
    "bytes": lambda: b"x" * 100_000_000,
    "bytes in a list": lambda: [b"x" * 100_000_000],
    "text of a subclass": lambda: type("Text", (str,), {})("x" * 100_000_000),
    "array": lambda: array.array("b", bytes(HUGE)).tolist(),
    "exception": lambda: ValueError(BIG),
    "exception with a long message": lambda: ValueError("x" * 100_000_000),
    "exception with two": lambda: ValueError(BIG, BIG),
    "key error": lambda: KeyError(BIG),
    "exceptions in a list": lambda: [ValueError("x")] * HUGE,
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_value_is_cut_while_it_is_made(name: str) -> None:
    """A large value is cut within 1 ms, as a tag and as an argument of a message.

    The test takes the least of ten runs and allows 3 ms.
    """
    value = LARGE[name]()
    uses: list[Callable[[], str]] = [
        lambda: to_text(value, LONGEST),
        lambda: format_message("%s", (value,), LONGEST),
        lambda: format_message("no reference", (value,), LONGEST),
    ]
    for use in uses:
        taken = []
        for _ in range(10):
            begin = time.thread_time()  # the time of other processes on this machine is not counted
            text = use()
            taken.append(time.thread_time() - begin)

        assert len(text) <= LONGEST
        assert type(text) is str
        assert min(taken) < 0.003


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (tuple, 167),
        (deque, 167),
        # JSON itself writes the ints in lists, without their `__repr__`.
        (list, 0),
        (lambda items: {"k": list(items)}, 0),
        (lambda items: [[item] for item in items], 0),
    ],
)
def test_no_more_items_are_looked_at_than_the_text_can_show(make: Any, shown: int) -> None:
    """Not many more items are read than the text can show; in a text an item takes three characters."""
    value = make(Item(number) for number in range(20_000))
    Item.shown = 0
    to_text(value, 300)

    assert shown == Item.shown


def test_lists_without_end_in_a_list_are_not_all_looked_into() -> None:
    """The first 499 of very short lists in a list are shown."""
    assert "[" + "[], " * 499 + '"..."]' == to_text([[]] * 2000, LONGEST)


def test_the_methods_of_a_subclass_are_not_called() -> None:
    """The items of a list are read without its `__iter__`."""
    assert "[1, 2]" == to_text(Counted([1, 2]), LONGEST)


def test_an_array_of_numpys_is_shown_by_its_ends() -> None:
    """An array of numpy is shown by its ends, because 1,000 floats would take 3 ms."""
    numpy = pytest.importorskip("numpy")

    assert "[0. 1. 2. ... 997. 998. 999.]" == to_text(numpy.arange(1000.0), LONGEST).replace("  ", "").replace("[ ", "[")
    assert "[0 1 2]" == to_text(numpy.arange(3), LONGEST)


@pytest.mark.parametrize(
    ("message", "args", "text"),
    [
        ("%s of %d", ("a", 2), "a of 2"),
        ("%(id)s", ({"id": [1]},), "[1]"),
        ("%r", ("x",), "'x'"),
        ("%5.2f|%x|%c", (1.5, 255, "c"), " 1.50|ff|c"),
        ("%s", (b"x",), "b'x'"),
        ("%s", (ValueError("x"),), "x"),
        ("100 %", (1,), "100 % 1"),
        ("%d", ("x",), "%d 'x'"),
        ("%999999999d", (5,), "%999999999d 5"),
        ("%*d", (10**9, 5), "%*d 1000000000 5"),
        ("%.99999f", (5,), "%.99999f 5"),
        ("%05d%%", (5,), "00005%"),
    ],
)
def test_a_message_takes_arguments_of_any_kind_and_size(message: str, args: tuple[Any, ...], text: str) -> None:
    """A message takes arguments of any kind; where a width or a precision would make a long text, they follow the message."""
    assert text == format_message(message, args, LONGEST)


@pytest.mark.parametrize(
    "value", [False, 0, 0.0, -0.0, [], {}, (), "false", " False\n", "FALSE", b"false", 0j, None], ids=repr
)  # fmt: skip
def test_what_is_false_says_that_there_is_no_error(value: Any) -> None:
    """A value that is false in Python's sense or as text means that there is no error."""
    assert is_false(value)


@pytest.mark.parametrize("value", ["", "0", "no", b"", 1, True, "true", [0], float("nan"), ValueError(), ValueError, object()])
def test_what_is_not_false_is_an_error(value: Any) -> None:
    """A text is an error; an empty one is Zipkin's form of an error without a message."""
    assert not is_false(value)


def test_a_tags_value_waits_as_it_is_where_it_is_short_and_plain() -> None:
    """A short and plain value waits as it is, and any other value waits as text."""
    assert [1, 1.5, None, True, "x"] == [inert("k", value, 10) for value in (1, 1.5, None, True, "x")]
    assert [str(1 << 64), "x" * 10, "[]"] == [
        inert("k", value, 30 if type(value) is int else 10) for value in (1 << 64, "x" * 11, [])
    ]
    assert False is inert("error", [], 10)


def test_entries_are_bounded_whatever_they_come_from() -> None:
    """A generator without end and a dict of a million items give 256 entries."""
    endless = ((number, number) for number in itertools.count())

    assert [256, 256] == [len(entries(endless)), len(entries(dict.fromkeys(range(HUGE))))]
    assert {"1": 2} == entries([(1, 2), 3])
    assert {} == entries(None)


def test_an_exceptions_message_that_raises_is_left_out() -> None:
    """An exception whose message raises is described by its type."""

    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "Odd" == describe_exception(Odd(), LONGEST)
