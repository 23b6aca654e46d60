"""Stale headers: headers of another span, which `inject` removes from a carrier before it writes its own.

Rules: a header is stale if its name is one that this propagation writes, in any spelling.  Exceptions of a carrier during the
cleaning are ignored.  A carrier that raises when it is written to is no carrier.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from opentracing import InvalidCarrierException

from ..context import normalize_key
from . import is_room_for
from .attributes import PREFIX, TRACESTATE, Attributes

__all__ = ["B3_NAMES", "Stale"]

B3_NAMES = ("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags")
W3C_NAMES = ("traceparent", TRACESTATE)

# grpc.aio deletes one value at a time.  64 is far more than a carrier has; it ends the loop where deleting has no effect.
MAX_VALUES = 64


class Stale:
    """Removes stale headers, and writes new ones into carriers of any class; may be used from any thread."""

    def __init__(self, attributes: Attributes, w3c: bool) -> None:
        self._names = frozenset((*B3_NAMES, *(W3C_NAMES if w3c else ()), *attributes.names))
        # Names seen before that are not stale.  A dict with only such names is clean; a set tests this in one C call.
        self.clean_names: set[str] = set()
        self._stale_names: set[str] = set()  # names seen before that are stale

    def _is_written_here(self, name: Any) -> bool:
        """Whether this propagation writes such a header; `_` counts as `-`, and the prefix of a WSGI environ does not count."""
        text = name.decode("latin-1") if isinstance(name, bytes) else name
        if not isinstance(text, str):
            return False
        key = normalize_key(text)
        bare = key.removeprefix("http-")
        return key in self._names or bare in self._names or bare.startswith(PREFIX)

    def remove(self, carrier: dict[Any, Any]) -> None:
        """Remove stale headers from a plain dict."""
        for name in self._stale_names.intersection(carrier):
            carrier.pop(name, None)
        if not self.clean_names.issuperset(carrier):
            for name in [name for name in list(carrier) if self.is_stale(name)]:
                carrier.pop(name, None)

    def is_stale(self, name: Any) -> bool:
        """Whether a header of this name is removed; the answer is remembered."""
        if type(name) is not str:
            return self._is_written_here(name)
        if name in self.clean_names:
            return False
        stale = name in self._stale_names or self._is_written_here(name)
        names = self._stale_names if stale else self.clean_names
        if is_room_for(name, names):
            names.add(name)
        return stale

    def replace(self, carrier: Any, headers: dict[str, str]) -> None:
        """Remove stale headers from any carrier that is no plain dict, and write `headers` into it.

        Raises InvalidCarrierException where the carrier cannot be written to.
        """
        try:
            if isinstance(carrier, list):
                self._replace_pairs(carrier, headers)
                return
            for name in self._names_in(carrier):
                if self.is_stale(name):
                    _delete(carrier, name)
            for name, value in headers.items():
                carrier[name] = value
        except Exception as error:  # a mapping of the application may raise anything
            kind = type(carrier).__name__
            raise InvalidCarrierException(f"use a mutable mapping or a list of pairs, not {kind}: {error!r}") from error

    def _names_in(self, carrier: Any) -> Iterable[Any]:
        """The names of a mapping in its spelling; where it cannot list them, all names that can be stale."""
        try:
            names = list(carrier.keys()) if hasattr(carrier, "keys") else [name for name, _ in carrier.items()]
        except Exception:
            return self._names
        # grpc.aio has a class that iterates over pairs; its `KeysView` therefore gives pairs.
        return [name[0] if isinstance(name, tuple) and name else name for name in names]

    def _replace_pairs(self, pairs: list[Any], headers: dict[str, str]) -> None:
        """Replace stale pairs in a list.

        New names and values get the types of the pairs beside them; without such pairs the types of Kafka: text and bytes.
        """
        if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            raise TypeError("not all items are pairs")
        kept = [pair for pair in pairs if not self.is_stale(pair[0])]
        is_name_text = not pairs or not all(isinstance(name, bytes) for name, _ in pairs)  # bytes in ASGI
        is_value_text = bool(kept) and all(isinstance(value, str) for _, value in kept)  # text in gRPC
        fresh = [
            (name if is_name_text else name.encode(), value if is_value_text else value.encode())
            for name, value in headers.items()
        ]
        pairs[:] = kept + fresh


def _delete(carrier: Any, name: Any) -> None:
    """Delete all values of a name, or make the last one empty where it cannot be deleted."""
    can_say = hasattr(carrier, "__contains__")  # without it, `in` would iterate over the object: over a response's body
    with suppress(Exception):
        for _ in range(MAX_VALUES if can_say else 1):
            del carrier[name]
            if can_say and name not in carrier:
                return
    with suppress(Exception):
        # A ChainMap deletes from its first mapping only.  None is the answer of a Message for a header that it does not have.
        if can_say and name in carrier and carrier[name] is not None:
            carrier[name] = ""
