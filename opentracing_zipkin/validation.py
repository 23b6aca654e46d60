"""Checks of settings: each names the wrong value and the remedy."""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["check_choice", "check_flag", "check_number", "check_text"]

_T = TypeVar("_T")


def check_text(name: str, value: Any, remedy: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {value!r}; {remedy}")
    return value


def check_choice(name: str, value: _T, choices: tuple[_T, ...]) -> _T:
    """One of a few values."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; use {' or '.join(repr(choice) for choice in choices)}")
    return value


def check_flag(name: str, value: Any) -> bool:
    """A bool, and nothing that merely looks like one: the text "false" is true."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}; use True or False")
    return value


def check_number(name: str, value: Any, least: float, most: float) -> float:
    """A number within bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}; use a number from {least} to {most}")
    return value
