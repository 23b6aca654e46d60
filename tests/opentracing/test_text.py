"""Functions about text: formatting a message never raises, and keys have one spelling."""

from __future__ import annotations

from typing import Any

import pytest

from opentracing.text import format_message, normalize_key


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("plain", (), "plain"),
        ("100 %", (), "100 %"),
        ("%s and %d", ("a", 2), "a and 2"),
        ("user %(id)s", ({"id": 7},), "user 7"),
        ("cache hit", ("arg1", 2), "cache hit 'arg1' 2"),
        ("no reference", ({"type": 1},), "no reference {'type': 1}"),
        ("%d", ("x",), "%d 'x'"),
        ("%s %s", ("one",), "%s %s 'one'"),
        ("%(missing)s", ({"id": 7},), "%(missing)s {'id': 7}"),
    ],
)
def test_a_message_refers_to_its_args_or_is_followed_by_them(message: str, args: tuple[Any, ...], expected: str) -> None:
    """Arguments that fit are formatted into the message; otherwise they follow it, so none is lost."""

    assert expected == format_message(message, args)


def test_formatting_never_raises() -> None:
    """Formatting a message does not raise, even if the repr of an argument raises."""

    assert "x <Hostile: repr() raised RuntimeError>" == format_message("x", (Hostile(),))
    assert "%s <Hostile: repr() raised RuntimeError>" == format_message("%s", (Hostile(),))
    assert "<Hostile: str() raised RuntimeError>" == format_message(Hostile(), ())


@pytest.mark.parametrize("spelling", ["user-id", "User_Id", "USER-ID", "user_id"])
def test_a_key_has_one_normal_spelling(spelling: str) -> None:
    """A normalised key has lower case and `-` for `_`, because HTTP headers preserve neither."""

    assert "user-id" == normalize_key(spelling)
