"""The headers that a sampler asks for, kept beside a context whose decision is open until its root starts.

Rules: a header is kept only where the sampler will be asked: never beside an upstream decision.  It is no tag and no attribute,
and goes nowhere else.  Reading never raises, whatever the carrier is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..context import DECIDED, RequestContext, ZipkinContext
from ..sampling import RootSampler
from . import Propagation, headers_of
from .attributes import Attributes

__all__ = ["HeaderKeeping"]

MAX_VALUE_LENGTH = 8192  # characters of a value


class HeaderKeeping:
    """Another propagation, which also keeps the headers that `sampler` asks for; may be used from any thread."""

    def __init__(self, propagation: Propagation, sampler: RootSampler) -> None:
        self._propagation = propagation
        self._sampler = sampler

    def inject(self, context: ZipkinContext, carrier: Any, /) -> None:
        self._propagation.inject(context, carrier)

    def extract(self, carrier: Any, /) -> ZipkinContext | None:
        if hasattr(type(carrier), "__next__"):  # can be read once
            carrier = list(carrier)
        received = self._propagation.extract(carrier)
        if received is not None and received._state & DECIDED:
            return received
        try:
            asked = [name.lower() for name in self._sampler.headers]
            sent = headers_of(carrier) if asked else {}
            headers = {name: sent[name][:MAX_VALUE_LENGTH] for name in asked if name in sent}
        except Exception:  # a carrier or a sampler of the application may raise anything
            return received
        return RequestContext.of(received, headers) if headers else received

    @property
    def decided(self) -> bool:
        return self._propagation.decided

    @property
    def trusted(self) -> bool:
        return self._propagation.trusted

    @property
    def attributes(self) -> Attributes:
        return self._propagation.attributes

    @property
    def asked(self) -> Collection[str]:
        """The names of the headers that are kept, as the sampler spells them."""
        return self._sampler.headers
