"""The verbs of OpenTracing 0.5, each written with the primitives of 2.4.

Rules: this file holds no state and imports no other class.  So any 2.4 tracer whose base classes come from this package also
speaks 0.5.  `info` and `error` take printf formats that need not fit their arguments: formatting never raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from . import logs, tags as names
from .arguments import pairs_of
from .propagation import Format
from .text import format_message, normalize_key

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .span import Span, SpanContext

__all__ = ["ClassicContext", "ClassicSpan", "ClassicTracer"]

_S = TypeVar("_S", bound="ClassicSpan")
_C = TypeVar("_C", bound="ClassicContext")

PYTHON_EXCEPTION = "python.exception"


class ClassicContext:
    """The TraceContext of 0.5: its attributes are found by keys in any case, and `_` and `-` count as the same character."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def baggage(self) -> Mapping[str, str]: ...

    def set_trace_attribute(self: _C, key: str, value: str) -> _C:
        """Attach an attribute that travels to all children started from now on; the no-op drops it."""
        return self

    def get_trace_attribute(self, key: str) -> str | None:
        """The attribute with this key in any spelling; None if the context has no such attribute."""
        wanted = normalize_key(key)
        for name, value in self.baggage.items():
            if normalize_key(name) == wanted:
                return value
        return None


class ClassicSpan:
    """The Span of 0.5, built on `set_tag` and `log_kv`; methods that need the tracer or the context are in Span itself."""

    if TYPE_CHECKING:
        # These methods come from a 2.4 span; they are declared here for the type checker only.
        def set_tag(self, key: str, value: Any) -> Any: ...
        def log_kv(self, key_values: dict[str, Any], timestamp: float | None = None) -> Any: ...
        @staticmethod
        def _on_error(span: Any, exc_type: Any, exc_val: Any, exc_tb: Any) -> None: ...

    def add_tag(self: _S, key: str, value: Any) -> _S:
        """`set_tag` under its name in 0.5."""
        self.set_tag(key, value)
        return self

    def add_tags(self: _S, tags: Mapping[str, Any]) -> _S:
        """Call `add_tag` for each entry."""
        for key, value in pairs_of(tags).items():
            self.add_tag(key, value)
        return self

    def info(self: _S, message: str, *args: Any) -> _S:
        """Log an event now; `message` is a printf format that may refer to `args`."""
        self.log_kv({logs.EVENT: format_message(message, args)})
        return self

    def error(self: _S, message: str, *args: Any) -> _S:
        """Log an event as `info` does, and mark the span as failed."""
        if type(message) is str and message == PYTHON_EXCEPTION and len(args) == 1 and _is_exc_info(args[0]):
            raised = args[0]
            self._on_error(self, raised["type"], raised["val"], raised["tb"])
        else:
            self.set_tag(names.ERROR, True)
            self.log_kv({logs.EVENT: names.ERROR, logs.MESSAGE: format_message(message, args)})
        return self


def _is_exc_info(value: object) -> bool:
    return type(value) is dict and pairs_of(value).keys() == {"type", "val", "tb"}


class ClassicTracer:
    """The Tracer of 0.5, built on `start_span`, `inject` and `extract`."""

    if TYPE_CHECKING:

        def start_span(self, *args: Any, **options: Any) -> Span: ...
        def inject(self, span_context: SpanContext, format: str, carrier: Any) -> None: ...
        def extract(self, format: str, carrier: Any) -> SpanContext | None: ...

    def start_trace(self, operation_name: str, tags: dict[str, Any] | None = None) -> Span:
        """The root span of a new trace, even if a span is active."""
        return self.start_span(operation_name, tags=tags, ignore_active_span=True)

    def join_trace(
        self, operation_name: str, parent_trace_context: SpanContext | None, tags: dict[str, Any] | None = None
    ) -> Span:
        """The server's span of a call, given the context that the client sent; a root span if that context is None."""
        # Unpacking an absent `tags` would cost 30 ns.
        kind, server = names.SPAN_KIND, names.SPAN_KIND_RPC_SERVER
        joined = {kind: server} if tags is None else pairs_of([(kind, server), *pairs_of(tags).items()])
        return self.start_span(operation_name, child_of=parent_trace_context, tags=joined, ignore_active_span=True)

    def close(self) -> Future[bool]:
        """Report the spans that are still buffered; returns a Future that is True once everything was accepted.

        The no-op's Future is done at once.
        """
        # Imported here: it costs 10 ms, and a program that only imports the API never closes a tracer.
        from concurrent.futures import Future

        done: Future[bool] = Future()
        done.set_result(True)
        return done

    def new_root_trace_context(self) -> SpanContext:
        """The context of a new root span, which is not recorded."""
        return self.start_span(ignore_active_span=True).context

    def new_child_trace_context(self, parent_trace_context: SpanContext) -> tuple[SpanContext, dict[str, Any] | None]:
        """The context of a child span, which is not recorded, and tags for that span, or None for no tags."""
        return self.start_span(child_of=parent_trace_context, ignore_active_span=True).context, None

    def trace_context_to_text(self, trace_context: SpanContext) -> tuple[dict[str, str], dict[str, str] | None]:
        """The context as entries of a text map: the identity, and the attributes, or None for no attributes.

        A 2.4 tracer injects both at once, so the first mapping returned here has everything.
        """
        carrier: dict[str, str] = {}
        self.inject(trace_context, Format.TEXT_MAP, carrier)
        return carrier, None

    def trace_context_to_binary(self, trace_context: SpanContext) -> tuple[bytearray, bytearray | None]:
        """The context as bytes: the identity, and the attributes, or None for no attributes, as in `trace_context_to_text`."""
        carrier = bytearray()
        self.inject(trace_context, Format.BINARY, carrier)
        return carrier, None

    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> SpanContext | None:
        """The context in two mappings, which may be the same object; None if they hold no context.  Never raises."""
        try:
            if trace_attributes is None or trace_attributes is trace_context_id:
                carrier = {} if trace_context_id is None else trace_context_id
            else:
                carrier = {**trace_attributes, **(trace_context_id or {})}
            return self.extract(Format.TEXT_MAP, carrier)
        except Exception:  # a tracer's `extract` may raise anything about a peer's data; 0.5 only knows None
            return None

    def trace_context_from_binary(self, trace_context_id: Any, trace_attributes: Any) -> SpanContext | None:
        """The context in two byte strings; None if they hold no context.  Never raises."""
        try:
            return self.extract(Format.BINARY, bytearray(trace_context_id or b"") + bytearray(trace_attributes or b""))
        except Exception:
            return None
