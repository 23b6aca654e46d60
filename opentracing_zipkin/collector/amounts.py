"""Amounts as people write them: bytes and times, with a unit.

Rules: for an amount that cannot be read a ValueError names the option, the text and the remedy.
"""

from __future__ import annotations

import re

__all__ = ["MIN_STORE_BYTES", "read_age", "read_bytes"]

MIN_STORE_BYTES = 1024 * 1024  # for kept traces; less keeps no trace of usual length

_AMOUNT = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)\s*", re.ASCII)

_BYTES = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgt", 1):
    _BYTES |= {_letter: 1024**_power, f"{_letter}ib": 1024**_power, f"{_letter}b": 1000**_power}

_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def read_bytes(option: str, text: str, minimum: int = 1) -> int:
    """A number of bytes: `256MiB`, `256m` and `268435456` are the same, `256MB` is 256 million."""
    found = int(_read(option, text, _BYTES, "a number of bytes, such as 256MiB or 1GiB"))
    if found < minimum:
        raise ValueError(f"{option} is {text[:40]!r}; give at least {minimum // 1024**2}MiB, such as 256MiB or 1GiB")
    return found


def read_age(option: str, text: str) -> float:
    """The seconds in `90s`, `15m`, `12h`, `7d` or `2w`."""
    return _read(option, text, _SECONDS, "a time, such as 15m, 12h or 7d")


def _read(option: str, text: str, units: dict[str, int], wanted: str) -> float:
    amount = _AMOUNT.fullmatch(text)
    unit = units.get(amount[2].lower()) if amount else None
    if amount is None or unit is None or not float(amount[1]) * unit >= 1:
        raise ValueError(f"{option} is {text[:40]!r}; give {wanted}")
    return float(amount[1]) * unit
