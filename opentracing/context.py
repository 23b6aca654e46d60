"""The two halves that a 0.5 tracer is put together from: a source of contexts, and their encoder and decoder.

Rules: as everywhere in this package, the base classes are the no-op: one context that identifies nothing.
"""

from __future__ import annotations

from typing import Any

from .span import SpanContext

__all__ = ["TraceContextDecoder", "TraceContextEncoder", "TraceContextSource"]

NOOP_CONTEXT = SpanContext()


class TraceContextEncoder:
    """Turns a context into a pair: the identity, and the attributes or None."""

    def trace_context_to_binary(self, trace_context: SpanContext) -> tuple[bytearray, bytearray | None]:
        """As bytes, so that a router can read the identity without the rest of a message."""
        return bytearray(), None

    def trace_context_to_text(self, trace_context: SpanContext) -> tuple[dict[str, str], dict[str, str] | None]:
        """As entries of a text map, for instance HTTP headers."""
        return {}, None


class TraceContextDecoder:
    """Turns such a pair back into a context, or into None where there is no trace in it.

    Both arguments may be the same mapping, for instance all headers of a request.
    """

    def trace_context_from_binary(self, trace_context_id: Any, trace_attributes: Any) -> SpanContext | None:
        """From bytes; the no-op knows one context only."""
        return NOOP_CONTEXT

    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> SpanContext | None:
        """From text maps; the no-op knows one context only."""
        return NOOP_CONTEXT


class TraceContextSource(TraceContextEncoder, TraceContextDecoder):
    """Makes contexts: of new traces, and of children."""

    singleton_noop_trace_context = NOOP_CONTEXT

    def new_root_trace_context(self) -> SpanContext:
        """A context without parent, which starts a new trace."""
        return NOOP_CONTEXT

    def new_child_trace_context(self, parent_trace_context: SpanContext) -> tuple[SpanContext, dict[str, Any] | None]:
        """A child's context, and tags that its span should have (None: there are none)."""
        return NOOP_CONTEXT, None
