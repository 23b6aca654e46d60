"""The headers of frameworks as a dict: for the usual classes this takes a fraction of the time of `headers_of`.

Rules: each name has one value here.  Where a name of interest has several values, or anything is unusual, the result is None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import pairs_of, remember

__all__ = ["Frameworks"]

# Classes that are views of another object, by package and name, and the attribute that holds that object.
_VIEWS = {
    ("werkzeug", "EnvironHeaders"): "environ",
    ("webob", "EnvironHeaders"): "environ",
    ("starlette", "Headers"): "raw",
    ("starlette", "MutableHeaders"): "raw",
}

MAX_HEADER_PLACES = 16

_Places = list[tuple[int, str]]  # positions of the pairs of interest, with their names


class Frameworks:
    """Turns carriers into dicts.  May be used from any thread.

    `is_of_interest` gets a name in lower case and tells whether its header will be read.
    """

    def __init__(self, is_of_interest: Callable[[str], bool]) -> None:
        self._is_of_interest = is_of_interest
        self._places: dict[bytes, tuple[int, _Places | None]] = {}  # by the names of a carrier: their number and places

    def as_dict(self, carrier: Any) -> dict[Any, Any] | None:
        """All headers, or those of interest; the dict must not be changed.  None where the careful path must be taken."""
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
        except Exception:  # a mapping of the application may raise anything
            return None
        return plain if len(plain) == len(pairs) else None

    def _of_pairs(self, pairs: list[tuple[bytes, bytes]]) -> dict[str, str] | None:
        """The headers of interest; raises some exception where the items are not pairs of bytes."""
        names = b"\n".join([pair[0] for pair in pairs])  # not unpacked, because that would use up a pair that is an iterator
        # The same clients send the same names again and again.  So the places of the headers are found out once.
        try:
            count, places = self._places[names]
        except KeyError:
            count, places = self._add_places(names)
        if places is None or len(pairs) != count:  # the numbers differ where a name has a line break in it
            return None
        return {name: pairs[place][1].decode("latin-1") for place, name in places}

    def _add_places(self, joined: bytes) -> tuple[int, _Places | None]:
        names = joined.decode("latin-1").split("\n")
        found = [(place, name) for place, name in enumerate(names) if self._is_of_interest(name.lower())]
        once = len(found) == len({name.lower() for _, name in found})
        placed = len(names), found if once and len(found) <= MAX_HEADER_PLACES else None
        remember(self._places, joined, placed)
        return placed
