"""What frameworks hand out as headers, as a dict: the usual shapes at a part of what `headers_of` takes for any.

Rules: one name has one value here; where a name of interest has several, or anything is unusual, there is no dict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import pairs_of, remember

__all__ = ["Frameworks"]

# The classes that are views of something else, by their package, and the attribute that holds it.
_VIEWS = {
    ("werkzeug", "EnvironHeaders"): "environ",
    ("webob", "EnvironHeaders"): "environ",
    ("starlette", "Headers"): "raw",
    ("starlette", "MutableHeaders"): "raw",
}

MAX_PLACES = 16

_Places = list[tuple[int, str]]  # which pairs are of interest, and their names


class Frameworks:
    """`of_interest` says of a name in lower case whether anybody will read its header.  May be used from any thread."""

    def __init__(self, of_interest: Callable[[str], bool]) -> None:
        self._of_interest = of_interest
        self._places: dict[bytes, tuple[int, _Places | None]] = {}  # by the names of a carrier, with how many they are

    def as_dict(self, carrier: Any) -> dict[Any, Any] | None:
        """All headers or those of interest, not to be changed; None where it takes the longer way."""
        try:
            kind = type(carrier)
            if kind is list:
                return self._of_pairs(carrier)
            view = _VIEWS.get((kind.__module__.partition(".")[0], kind.__name__))
            viewed = carrier if view is None else getattr(carrier, view)
            if type(viewed) is list:
                return self._of_pairs(viewed)
            if type(viewed) is dict:
                return viewed
            if not hasattr(carrier, "items"):
                return None
            pairs = list(pairs_of(carrier))
            plain = dict(pairs)
        except Exception:  # whatever a mapping of the user's does
            return None
        return plain if len(plain) == len(pairs) else None

    def _of_pairs(self, pairs: list[tuple[bytes, bytes]]) -> dict[str, str] | None:
        """Raises an exception of some kind where they are no pairs of bytes."""
        names = b"\n".join([pair[0] for pair in pairs])  # not unpacked, which would use up a pair that is an iterator
        # The same clients send the same names again and again, so where they stand is found out once.
        try:
            count, places = self._places[names]
        except KeyError:
            count, places = self._add_places(names)
        if places is None or len(pairs) != count:  # more, where a name has a line break in it
            return None
        return {name: pairs[place][1].decode("latin-1") for place, name in places}

    def _add_places(self, joined: bytes) -> tuple[int, _Places | None]:
        names = joined.decode("latin-1").split("\n")
        found = [(place, name) for place, name in enumerate(names) if self._of_interest(name.lower())]
        once = len(found) == len({name.lower() for _, name in found})
        placed = len(names), found if once and len(found) <= MAX_PLACES else None
        remember(self._places, joined, placed)
        return placed
