"""B3 for OpenTelemetry, by our tracer's propagation: a received context is sent on unchanged, with a decision left open.

Rules: names are written in lower case, because some carriers compare them exactly (Celery's headers).  They are read in any
case, as far as the getter can look them up.  `traceparent` is read if there is no B3.  Neither reading nor writing raises.
Nothing here imports `opentelemetry.propagate`, because that module loads this file during its own import.
Source: OpenTelemetry's specification, context/api-propagators.md; openzipkin/b3-propagation, README.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from opentelemetry.baggage import set_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import INVALID_SPAN, SpanKind

import opentracing

from ..context import ZipkinContext
from ..propagation.attributes import PREFIX, TRACESTATE
from ..propagation.b3 import B3Propagation
from ..propagation.kept_headers import HeaderKeeping
from ..span import context_of
from ..text import to_text
from ..tracer import ZipkinTracer
from .checks import check_tracer
from .nesting import zipkin_context_of
from .runtime import MAX_BAGGAGE_LENGTH, baggage_of, current_context, span_of, with_span
from .span import QuietSpan, Span

__all__ = ["B3Propagator", "BaggagePropagator"]

_B3_NAMES = ("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags")
_W3C_NAMES = ("traceparent", "tracestate")
_ASGI_PREFIXES = (b"ot-baggage-", b"trace")
_HEADER_NAMES = (*_B3_NAMES, *_W3C_NAMES)
# The usual spelling, for a getter that lists no names and compares names exactly.
_USUAL_SPELLINGS = ("X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags")


class B3Propagator(TextMapPropagator):
    """Uses the given tracer, else the global tracer of the moment; B3's defaults if that is no ZipkinTracer."""

    def __init__(self, tracer: ZipkinTracer | None = None) -> None:
        self.tracer = check_tracer("B3Propagator()", tracer)
        self._default_propagation = B3Propagation()

    def extract(self, carrier: Any, context: Context | None = None, getter: Getter[Any] = default_getter) -> Context:
        found = Context() if context is None else context
        try:
            tracer = self._tracer()
            # The tracer's own one also keeps the headers that a sampler asks for.
            propagation = self._default_propagation if tracer is None else tracer._propagation
            plain = carrier if getter is default_getter else _environ_or_headers(carrier)
            fields: Collection[str] = propagation.attributes.names
            if type(propagation) is HeaderKeeping:
                fields = {*fields, *propagation.asked}
            if type(plain) is list and not fields:
                plain = _pick_asgi_headers(plain)
            elif type(plain) is not dict and type(plain) is not list:
                plain = _read_by_getter(carrier, getter, fields)
            received = propagation.extract(plain)
            if received is None:
                return found
            span = QuietSpan.of(tracer, received, received._state, SpanKind.INTERNAL)
            found = with_span(span, found)
            if received._baggage:
                for key, value in received.baggage.items():
                    if key != TRACESTATE:
                        found = set_baggage(key, value, found)
        except Exception:  # a carrier or a getter of the user's may raise anything
            pass
        return found

    def inject(self, carrier: Any, context: Context | None = None, setter: Setter[Any] = default_setter) -> None:
        try:
            tracer = self._tracer()
            around = current_context() if context is None else context
            span = span_of(around)
            if span is not INVALID_SPAN:
                zipkin_context = zipkin_context_of(span)
            else:
                zipkin_context = _active_context(tracer if context is None else None)
            if zipkin_context is None:
                return
            merged = baggage_of(around) if len(around) > 1 else None
            if merged:
                zipkin_context = _with_baggage(zipkin_context, merged)
            write = self._default_propagation.inject if tracer is None else tracer._inject
            if setter is default_setter and (type(carrier) is dict or _may_have_headers(carrier, tracer)):
                write(zipkin_context, carrier)
                return
            headers: dict[str, str] = {}
            write(zipkin_context, headers)
            if setter is default_setter:
                for name, value in headers.items():
                    carrier[name] = value
                return
            for name, value in headers.items():
                setter.set(carrier, name, value)
        except Exception:  # a carrier or a setter of the user's may raise anything
            pass

    @property
    def fields(self) -> set[str]:
        """The headers that may be written, except those of trace attributes, which may have any name."""
        return {*_HEADER_NAMES}

    def _tracer(self) -> ZipkinTracer | None:
        tracer = opentracing.global_tracer() if self.tracer is None else self.tracer
        return tracer if isinstance(tracer, ZipkinTracer) else None


class BaggagePropagator(W3CBaggagePropagator):
    """Carries W3C Baggage: the current span's trace attributes in addition to the items in OpenTelemetry's context."""

    def extract(self, carrier: Any, context: Context | None = None, getter: Getter[Any] = default_getter) -> Context:
        plain = _environ_or_headers(carrier)
        if (type(plain) is dict and "HTTP_BAGGAGE" not in plain) or (
            type(plain) is list and not _has_header(plain, b"baggage")
        ):
            return Context() if context is None else context  # nearly always; this test takes 10 % of the time of reading
        return super().extract(carrier, context, getter)

    def inject(self, carrier: Any, context: Context | None = None, setter: Setter[Any] = default_setter) -> None:
        try:
            around = current_context() if context is None else context
            span = span_of(around)
            known = baggage_of(around) or {}
            if not known and type(span) is Span and not span._baggage:
                return  # nearly always
            zipkin_context = zipkin_context_of(span)
            for key, value in (zipkin_context.baggage if zipkin_context is not None else {}).items():
                if key not in known and key != TRACESTATE and value is not None:
                    context = set_baggage(key, to_text(value, MAX_BAGGAGE_LENGTH), context)
            super().inject(carrier, context, setter)
        except Exception:  # as in `B3Propagator`
            pass


def _active_context(tracer: ZipkinTracer | None) -> ZipkinContext | None:
    active = None if tracer is None else tracer.active_span
    return None if active is None else context_of(active)


def _with_baggage(context: ZipkinContext, merged: Mapping[str, object]) -> ZipkinContext:
    """The context with OpenTelemetry's baggage as trace attributes; the same context if they are in it already."""
    items = {key: to_text(value, MAX_BAGGAGE_LENGTH) for key, value in merged.items()}
    known = context._baggage or {}
    if all(known.get(key) == value for key, value in items.items()):
        return context
    return ZipkinContext(context.trace_id, context.span_id, context.parent_id, context._state, {**known, **items})


def _environ_or_headers(carrier: Any) -> Any:
    """The part of a carrier that our propagation reads without the getter: a WSGI environ, or an ASGI scope's headers.

    None for any other carrier.  Every instrumentation of a server passes one of these two, and reading them by the getter would
    take 30 µs more.
    """
    if type(carrier) is dict:
        if "wsgi.input" in carrier:
            return carrier
        if "asgi" in carrier or carrier.get("type") in ("http", "websocket"):
            return carrier.get("headers")
    return None


def _pick_asgi_headers(headers: list[Any]) -> Any:
    """The headers of an ASGI scope that may be ours, as a dict; all headers if a name is repeated or is not bytes."""
    found: dict[str, str] = {}
    try:
        for name, value in headers:
            if b"b3" in name or name.startswith(_ASGI_PREFIXES):
                key = name.decode("latin-1")
                if key in found:
                    return headers
                found[key] = value.decode("latin-1")
    except (AttributeError, TypeError, ValueError):
        return headers
    return found


def _has_header(headers: list[Any], name: bytes) -> bool:
    """Whether this header is among those of an ASGI scope, or may be: True if one of them is no tuple."""
    return any(type(pair) is not tuple or pair[0] == name for pair in headers)


def _may_have_headers(carrier: Any, tracer: ZipkinTracer | None) -> bool:
    """Whether a carrier of any class may hold headers of another span, which have to be replaced with more care."""
    if (tracer is not None and tracer.propagation.attributes.names) or not hasattr(type(carrier), "keys"):
        return True
    try:
        names = "\n".join(carrier).lower()
    except Exception:  # names that are no text, or a class of the user's that raises
        return True
    return "b3" in names or PREFIX in names or "trace" in names


def _read_by_getter(carrier: Any, getter: Getter[Any], fields: Iterable[str]) -> dict[str, Any]:
    """The headers that may be ours, by the carrier's names, or by our names if the carrier does not list its own."""
    names: list[Any] = []
    with suppress(Exception):
        names = list(getter.keys(carrier))
    fields = {name.lower() for name in fields}
    wanted = [name for name in names if _is_ours(name, fields)]
    if not wanted:
        wanted = [*_HEADER_NAMES, *_USUAL_SPELLINGS, *fields]
    headers: dict[str, Any] = {}
    for name in wanted:
        values: Any = None
        with suppress(Exception):  # a getter may know another kind of names
            values = getter.get(carrier, name)
        if values:
            headers[name] = values if isinstance(values, (str, bytes)) else list(values)
    return headers


def _is_ours(name: Any, fields: Iterable[str]) -> bool:
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    if not isinstance(text, str):
        return False
    lower = text.lower().replace("_", "-").removeprefix("http-")
    return lower in _HEADER_NAMES or lower.startswith(PREFIX) or lower in fields
