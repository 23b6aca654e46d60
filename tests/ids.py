"""Ids of parametrised tests that are the same in each process, as pytest-xdist and the rerun of one test by its id need them."""

from __future__ import annotations

import re

__all__ = ["stable_repr"]


def stable_repr(value: object) -> str:
    """The value's `repr` without addresses in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
