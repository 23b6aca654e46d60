"""The two parts that make a 0.5 tracer: a source of contexts, and their encoder and decoder.

Rules: as everywhere in this package, the base classes are the no-op.  It has one context, which identifies nothing.
"""

from __future__ import annotations

from typing import Any

from .span import SpanContext

__all__ = ["TraceContextDecoder", "TraceContextEncoder", "TraceContextSource"]

NOOP_CONTEXT = SpanContext()


class TraceContextEncoder:
    """Turns a context into a pair: its identity, and its attributes or None."""

    def trace_context_to_binary(self, trace_context: SpanContext) -> tuple[bytearray, bytearray | None]:
        """The pair as bytes.  Its parts are separate so that a router can read the identity without the rest of a message."""
        return bytearray(), None

    def trace_context_to_text(self, trace_context: SpanContext) -> tuple[dict[str, str], dict[str, str] | None]:
        """The pair as entries of text maps, for instance of HTTP headers."""
        return {}, None


class TraceContextDecoder:
    """Turns the pair of a TraceContextEncoder back into a context, or into None if the pair holds no trace.

    Both arguments may be the same mapping, for instance all headers of a request.
    """

    def trace_context_from_binary(self, trace_context_id: Any, trace_attributes: Any) -> SpanContext | None:
        """The context in two byte strings; the no-op knows one context only."""
        return NOOP_CONTEXT

    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> SpanContext | None:
        """The context in two text maps; the no-op knows one context only."""
        return NOOP_CONTEXT


class TraceContextSource(TraceContextEncoder, TraceContextDecoder):
    """Makes contexts, for new traces and for children."""

    singleton_noop_trace_context = NOOP_CONTEXT

    def new_root_trace_context(self) -> SpanContext:
        """The context of a new trace; it has no parent."""
        return NOOP_CONTEXT

    def new_child_trace_context(self, parent_trace_context: SpanContext) -> tuple[SpanContext, dict[str, Any] | None]:
        """The context of a child, and tags for the child's span, or None for no tags."""
        return NOOP_CONTEXT, None
