"""Reads arguments that may have any type, and uses the part of them that is usable; no function here raises.

Rules: every operation on such a value, also a comparison or a truth test, may run the application's code.  So each one is
guarded by a `try`.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, TypeVar

from .text import text_of

if TYPE_CHECKING:
    from .span import SpanContext

__all__ = ["is_one_of", "pairs_of", "parent_of", "seconds_of"]

_C = TypeVar("_C", bound="SpanContext")


def pairs_of(given: Any) -> dict[Any, Any]:
    """A new dict with the entries of a mapping or the pairs; a key that is not hashable is replaced by its text."""
    found: dict[Any, Any] = {}
    try:
        for key, value in given.items() if hasattr(given, "items") else given:
            try:
                found[key] = value
            except Exception:  # not hashable
                found[text_of(key)] = value
    except Exception:  # neither a mapping nor pairs, or only partly
        pass
    return found


def parent_of(kind: type[_C], child_of: Any, references: Any, active_span: Any) -> _C | None:
    """The parent of a new span: the first context of the class `kind` among the arguments; None if there is none.

    These are the arguments of `start_span`; `active_span` is None if that span is to be ignored.
    """
    for candidate in (child_of, *_contexts_of(references), active_span):
        context = _context_of(candidate)
        if issubclass(type(context), kind):
            return context  # type: ignore[no-any-return]
    return None


def _context_of(given: Any) -> Any:
    """The context of a span, or `given` itself if it has no `context`."""
    try:
        return getattr(given, "context", given)
    except Exception:
        return None


def _contexts_of(references: Any) -> list[Any]:
    """The contexts of the references, with None for a reference that has none; a single reference counts as a list of one."""
    try:
        if hasattr(references, "referenced_context"):
            return [references.referenced_context]
        return [getattr(reference, "referenced_context", None) for reference in references]
    except Exception:
        return []


def is_one_of(given: Any, names: tuple[str, ...]) -> bool:
    """Whether `given` is one of these texts; False if comparing raises, as with an array: its comparison has no truth value."""
    try:
        return given in names
    except Exception:
        return False


def seconds_of(given: Any) -> float:
    """The given time in seconds since the epoch; the present time if none was given or it is not a finite number."""
    try:
        seconds = time.time() if given is None else float(given)
    except Exception:
        return time.time()
    return seconds if math.isfinite(seconds) else time.time()
