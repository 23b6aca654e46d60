"""0.5's verbs of the Zipkin tracer, each spelled in 2.4's; written out here, so that they are there on the 2.4 API alone too.

Rules: this file holds no state.  `trace_context_from_*` never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .context import ZipkinContext
from .propagation import Propagation, binary, headers_of
from .span import ZipkinSpan, context_of
from .text import entries

__all__ = ["ClassicTracer"]


class ClassicTracer:
    """Above `start_span`, `propagation`, `_propagation` and `_inject`."""

    if TYPE_CHECKING:

        @property
        def propagation(self) -> Propagation: ...

        _propagation: Propagation
        _inject: Callable[[ZipkinContext, Any], None]

        def start_span(
            self,
            operation_name: str | None = None,
            child_of: Any = None,
            references: Sequence[Any] | None = None,
            tags: Mapping[str, Any] | None = None,
            start_time: float | None = None,
            ignore_active_span: bool = False,
        ) -> ZipkinSpan: ...

    def start_trace(self, operation_name: str, tags: Mapping[str, Any] | None = None) -> ZipkinSpan:
        """The root span of a new trace, whatever span is active."""
        return self.start_span(operation_name, None, None, tags, None, True)  # by position: 40 ns less

    def join_trace(self, operation_name: str, parent_trace_context: Any, tags: Mapping[str, Any] | None = None) -> ZipkinSpan:
        """The server's side of a call, on the client's span id where that is allowed; a root span for None."""
        if tags is not None and type(tags) is not dict:
            tags = entries(tags)
        try:
            if not tags:
                tags = {"span.kind": "server"}
            elif "span.kind" not in tags:
                tags = {"span.kind": "server", **tags}
        except Exception:  # a key of the user's compares in its own way, and under `python -bb` bytes do not compare
            tags = {"span.kind": "server", **entries(tags)}
        return self.start_span(operation_name, parent_trace_context, None, tags, None, True)

    def trace_context_to_text(self, trace_context: Any) -> tuple[dict[str, str], dict[str, str] | None]:
        """The context as headers: the identity, and the attributes (None: there are none)."""
        carrier: dict[str, str] = {}
        context = context_of(trace_context)
        if context is None:
            return carrier, None
        self._inject(context, carrier)
        attributes = {}
        if context._baggage:
            has = self.propagation.attributes.has
            attributes = {name: carrier.pop(name) for name in list(carrier) if has(name)}
        return carrier, attributes or None

    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> ZipkinContext | None:
        """The context in two mappings, which may be one and the same; None where there is none.  Never raises."""
        try:
            if trace_context_id is None or trace_attributes is None or trace_context_id is trace_attributes:
                carrier = trace_attributes if trace_context_id is None else trace_context_id
            else:
                carrier = _merged(trace_attributes, trace_context_id)
            return None if carrier is None else self._propagation.extract(carrier)
        except Exception:  # whatever a mapping of the user's does
            return None

    def trace_context_to_binary(self, trace_context: Any) -> tuple[bytearray, bytearray | None]:
        """The context as bytes: the identity, and the attributes (None: there are none)."""
        context = context_of(trace_context)
        if context is None:
            return bytearray(), None
        attributes = binary.encode_attributes(context, self.propagation.attributes) if context._baggage else b""
        return bytearray(binary.encode_identity(context)), bytearray(attributes) or None

    def trace_context_from_binary(self, trace_context_id: Any, trace_attributes: Any) -> ZipkinContext | None:
        """The context in two byte strings, None where there is none.  Never raises."""
        try:
            data = b"\n".join((bytes(trace_context_id or b""), bytes(trace_attributes or b"")))
            return binary.extract(data, self.propagation)
        except Exception:
            return None


def _merged(attributes: Any, ids: Any) -> dict[Any, Any]:
    """Both as one carrier; of a name in both, the value in `ids` counts."""
    if type(attributes) is dict and type(ids) is dict:
        return {**attributes, **ids}
    return {**headers_of(attributes), **headers_of(ids)}
