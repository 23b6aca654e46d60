"""What an application gives where something else is expected, taken as far as it goes: nothing here raises.

Rules: whatever a value is asked may run the application's code, a comparison or a truth value too, so it is asked in a guard.
"""

from __future__ import annotations

import math
import time
from typing import Any

from .text import text_of

__all__ = ["context_of", "contexts_of", "is_one_of", "pairs_of", "seconds_of"]


def pairs_of(given: Any) -> dict[Any, Any]:
    """The entries of a mapping, or pairs, as a dict of its own; a key that cannot be one is its text."""
    found: dict[Any, Any] = {}
    try:
        for key, value in given.items() if hasattr(given, "items") else given:
            try:
                found[key] = value
            except Exception:  # not hashable
                found[text_of(key)] = value
    except Exception:  # neither, or only in part
        pass
    return found


def context_of(given: Any) -> Any:
    """The context of a span, or what was given itself."""
    try:
        return getattr(given, "context", given)
    except Exception:
        return None


def contexts_of(references: Any) -> list[Any]:
    """The contexts of references, of which a single one counts as a list; None where one has none."""
    try:
        if hasattr(references, "referenced_context"):
            return [references.referenced_context]
        return [getattr(reference, "referenced_context", None) for reference in references]
    except Exception:
        return []


def is_one_of(given: Any, names: tuple[str, ...]) -> bool:
    """Whether it is one of these texts; compared with one, an array or a column gives no truth."""
    try:
        return given in names
    except Exception:
        return False


def seconds_of(given: Any) -> float:
    """A time in seconds since the epoch; now, where none was given or it is no number."""
    try:
        seconds = time.time() if given is None else float(given)
    except Exception:
        return time.time()
    return seconds if math.isfinite(seconds) else time.time()
