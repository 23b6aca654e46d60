"""Amounts with units, as they are given to the command."""

from __future__ import annotations

import pytest

from opentracing_zipkin.collector.amounts import read_age, read_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("256MiB", 256 << 20),
        ("256m", 256 << 20),
        ("256 MB", 256_000_000),
        ("1GiB", 1 << 30),
        ("1.5g", 3 << 29),
        ("64kib", 64 << 10),
        ("2TB", 2_000_000_000_000),
        ("10b", 10),
    ],
)
def test_bytes_are_read_with_a_unit(text: str, expected: int) -> None:
    """Units with `i` or a letter alone are binary, those with `B` decimal; case and a blank do not matter."""
    assert expected == read_bytes("--max-bytes", text)


@pytest.mark.parametrize(
    ("text", "is_enough"), [("5", False), ("1048575", False), ("1MB", False), ("1MiB", True), ("2m", True)]
)
def test_a_minimum_is_told(text: str, is_enough: bool) -> None:
    """An amount below the minimum is refused with the minimum."""
    if is_enough:
        assert read_bytes("--max-bytes", text, 1 << 20) >= 1 << 20
        return
    with pytest.raises(ValueError, match=f"^--max-bytes is '{text}'; give at least 1MiB"):
        read_bytes("--max-bytes", text, 1 << 20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600), ("0.5h", 1800)],
)
def test_a_time_is_read_with_a_unit(text: str, expected: float) -> None:
    """A time without a unit is in seconds."""
    assert expected == read_age("--max-age", text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1x", "MiB", "1e9", "nan", "inf", "٣", "0.1b", "1 2", "9" * 40, "1MiB\n1"])
def test_another_amount_is_refused_with_the_remedy(text: str) -> None:
    """The error for another amount has the option, the text, and an example."""
    with pytest.raises(ValueError, match=r"--max-bytes is .*; give a number of bytes, such as 256MiB"):
        read_bytes("--max-bytes", text)
    with pytest.raises(ValueError, match=r"--max-age is .*; give a time, such as 15m"):
        read_age("--max-age", text)
