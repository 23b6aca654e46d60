"""The verbs of 0.5 for the Zipkin tracer, each expressed by those of 2.4.

They are written here, and not inherited, so that the tracer also has them on upstream's `opentracing` 2.4, which lacks them.

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
    """A base of the tracer, which has `start_span`, `propagation`, `_propagation` and `_inject`; used from any thread."""

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
        """Start the root span of a new trace, whatever span is active."""
        return self.start_span(operation_name, None, None, tags, None, True)  # arguments by position: 40 ns less

    def join_trace(self, operation_name: str, parent_trace_context: Any, tags: Mapping[str, Any] | None = None) -> ZipkinSpan:
        """Start the server's side of a call, with the client's span id where the settings allow it; a root span for None."""
        if tags is not None and type(tags) is not dict:
            tags = entries(tags)
        try:
            if not tags:
                tags = {"span.kind": "server"}
            elif "span.kind" not in tags:
                tags = {"span.kind": "server", **tags}
        except Exception:  # comparing a key of the application may raise anything, and `python -bb` raises for bytes
            tags = {"span.kind": "server", **entries(tags)}
        return self.start_span(operation_name, parent_trace_context, None, tags, None, True)

    def trace_context_to_text(self, trace_context: Any) -> tuple[dict[str, str], dict[str, str] | None]:
        """The context as headers: the identity, and the attributes (None where there are none)."""
        carrier: dict[str, str] = {}
        context = context_of(trace_context)
        if context is None:
            return carrier, None
        self._inject(context, carrier)
        attributes = {}
        if context._baggage:
            is_attribute = self.propagation.attributes.is_attribute
            attributes = {name: carrier.pop(name) for name in list(carrier) if is_attribute(name)}
        return carrier, attributes or None

    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> ZipkinContext | None:
        """The context in two mappings, which may be the same object; None where there is none.  Never raises."""
        try:
            if trace_context_id is None or trace_attributes is None or trace_context_id is trace_attributes:
                carrier = trace_attributes if trace_context_id is None else trace_context_id
            else:
                carrier = _merged(trace_attributes, trace_context_id)
            return None if carrier is None else self._propagation.extract(carrier)
        except Exception:  # a mapping of the application may raise anything
            return None

    def trace_context_to_binary(self, trace_context: Any) -> tuple[bytearray, bytearray | None]:
        """The context as bytes: the identity, and the attributes (None where there are none)."""
        context = context_of(trace_context)
        if context is None:
            return bytearray(), None
        attributes = binary.encode_attributes(context, self.propagation.attributes) if context._baggage else b""
        return bytearray(binary.encode_identity(context)), bytearray(attributes) or None

    def trace_context_from_binary(self, trace_context_id: Any, trace_attributes: Any) -> ZipkinContext | None:
        """The context in two byte strings; None where there is none.  Never raises."""
        try:
            data = b"\n".join((bytes(trace_context_id or b""), bytes(trace_attributes or b"")))
            return binary.extract(data, self.propagation)
        except Exception:
            return None


def _merged(attributes: Any, ids: Any) -> dict[Any, Any]:
    """Both mappings as one carrier; for a name in both, the value in `ids` counts."""
    if type(attributes) is dict and type(ids) is dict:
        return {**attributes, **ids}
    return {**headers_of(attributes), **headers_of(ids)}
