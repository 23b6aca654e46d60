"""What frameworks hand out as headers, as a dict: the usual shapes at a part of what `headers_of` takes for any.

Rules: one name has one value here; where a name of interest has several, or anything is unusual, there is no dict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Frameworks"]

MAX_PLACES = 500
MAX_NAMES_LENGTH = 2000

_VIEWS_OF_PAIRS = frozenset(("Headers", "MutableHeaders"))  # Starlette's

_Places = list[tuple[int, str]]  # which pairs are of interest, and their names


class Frameworks:
    """`of_interest` says of a name in lower case whether anybody will read its header.  May be used from any thread."""

    def __init__(self, of_interest: Callable[[str], bool]) -> None:
        self._of_interest = of_interest
        self._places: dict[bytes, tuple[int, _Places | None]] = {}  # by the names of a carrier, with how many they are

    def as_dict(self, carrier: Any) -> dict[Any, Any] | None:
        """Of a mapping all headers, of ASGI's pairs those of interest; None where it takes the longer way."""
        try:
            if type(carrier) is list:
                return self._of_pairs(carrier)
            kind = type(carrier).__name__
            if kind == "EnvironHeaders":  # Werkzeug's and WebOb's, a view of the environ: 1.5 µs where items() makes it 6
                environ = carrier.environ
                return environ if type(environ) is dict else None
            if kind in _VIEWS_OF_PAIRS and type(getattr(carrier, "raw", None)) is list:
                return self._of_pairs(carrier.raw)
            pairs = list(carrier.items())
            plain = dict(pairs)
        except (AttributeError, TypeError, ValueError):
            return None
        return plain if len(plain) == len(pairs) else None

    def _of_pairs(self, pairs: list[tuple[bytes, bytes]]) -> dict[str, str] | None:
        """Pairs of bytes; raises TypeError or ValueError where they are none."""
        names = b"\n".join([name for name, _ in pairs])
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
        placed = len(names), found if len(found) == len({name.lower() for _, name in found}) else None
        if len(joined) <= MAX_NAMES_LENGTH:
            if len(self._places) >= MAX_PLACES:  # names without end cost time, never memory
                self._places.clear()
            self._places[joined] = placed
        return placed
