"""Every call of the API that takes a value of the application's, and values that no application should pass, but some do.

Rules: each call is one line here, and so is each value; every call is tried with every value.  As a program this file tries
them on every tracer, so that the tests can run it with the interpreter's options that turn warnings into errors.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections import OrderedDict, UserDict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from typing import Any

from opentracing import (
    Format,
    InvalidCarrierException,
    Reference,
    Span,
    SpanContextCorruptedException,
    Tracer,
    UnsupportedFormatException,
    child_of,
    start_child_span,
)

__all__ = ["CALLS", "DOCUMENTED", "VALUES", "Hostile", "failures"]

DOCUMENTED = (UnsupportedFormatException, InvalidCarrierException, SpanContextCorruptedException)


def refuse(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("no")


_QUESTIONS = [
    "__str__",
    "__repr__",
    "__bytes__",
    "__format__",
    "__len__",
    "__iter__",
    "__bool__",
    "__getitem__",
    "__float__",
    "__int__",
    "__index__",
    "__call__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__gt__",
    "__le__",
    "__ge__",
    "__contains__",
    "__add__",
    "__mod__",
    "__hash__",
]
_HOSTILE: dict[str, Any] = dict.fromkeys(_QUESTIONS, refuse)
# Methods of a str, int, list or dict that a tracer could call.
_METHODS = [
    "lower",
    "strip",
    "replace",
    "encode",
    "items",
    "keys",
    "get",
    "copy",
    "pop",
    "update",
    "isascii",
    "isdigit",
    "partition",
    "bit_length",
    "to_bytes",
]

Hostile: Any = type("Hostile", (), {**_HOSTILE, "__getattr__": refuse})
HostileStr: Any = type("HostileStr", (str,), {**_HOSTILE, **dict.fromkeys(_METHODS, refuse)})
HostileInt: Any = type("HostileInt", (int,), {**_HOSTILE, **dict.fromkeys(_METHODS, refuse)})
HostileList: Any = type("HostileList", (list,), {**_HOSTILE, **dict.fromkeys(_METHODS, refuse)})
HostileDict: Any = type("HostileDict", (dict,), {**_HOSTILE, **dict.fromkeys(_METHODS, refuse)})
HostileBytes: Any = type("HostileBytes", (bytes,), {**_HOSTILE, **dict.fromkeys(_METHODS, refuse)})
HostileError: Any = type("HostileError", (Exception,), {**_HOSTILE, "args": property(refuse)})
HostileMeta: Any = type("HostileMeta", (type,), {**_HOSTILE, "__name__": property(refuse), "__getattr__": refuse})
HostileClass: Any = HostileMeta("HostileClass", (), {})


class Key(str):
    """A dict finds it in the place of a plain text, but its comparison raises."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")


class Unspeakable:
    """An object without text: `str` and `repr` of it raise."""

    __str__ = __repr__ = refuse


class Undecided:
    """The result of comparing a column or an array; it has no truth value."""

    def __bool__(self) -> bool:
        raise TypeError("the truth value is not defined")


class Column:
    """Like a column of SQLAlchemy: it is hashable, and comparing it gives an expression."""

    def __eq__(self, other: object) -> Any:
        return Undecided()

    __ne__ = __lt__ = __gt__ = __eq__
    __hash__ = object.__hash__
    __bool__ = Undecided.__bool__


class Array(list[Any]):
    """Like an array of numpy: comparing it gives an array, which has no truth value."""

    def __eq__(self, other: object) -> Any:
        return Array(self)

    __ne__ = __lt__ = __gt__ = __eq__
    __hash__ = None  # type: ignore[assignment]
    __bool__ = Undecided.__bool__


class SecretClass:
    """An object whose `__class__` cannot be read."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no")


class Mask:
    """An object whose `__class__` is str, as a proxy's may be."""

    @property
    def __class__(self) -> Any:
        return str


class Endless:
    """An object whose text is a hostile subclass of str, and whose repr calls itself without end."""

    def __str__(self) -> str:
        return HostileStr("x")  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return repr(self)


class Color(Enum):
    RED = "producer"


class Word(str, Enum):
    PRODUCER = "producer"


def around() -> list[Any]:
    inside: list[Any] = [1]
    inside.append(inside)
    return inside


def deep() -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(5000):
        value = {"k": value}
    return value


VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "-1": lambda: -1,
    "10**400": lambda: 10**400,
    "-(10**5000)": lambda: -(10**5000),
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "1e300": lambda: 1e300,
    "-1e15": lambda: -1e15,
    "complex": lambda: 1j,
    "Decimal sNaN": lambda: Decimal("sNaN"),
    "Decimal": lambda: Decimal("1e400"),
    "Fraction": lambda: Fraction(1, 3),
    "empty": lambda: "",
    "surrogate": lambda: "\ud800",
    "control characters": lambda: "a\r\nb: c\0",
    "separators": lambda: "\u2028\u00e4",
    "percent": lambda: "%s %d %(k)s %",
    "wide": lambda: "%999999999d",
    "long": lambda: "x" * 100_000,
    "bytes": lambda: b"event",
    "no UTF-8": lambda: b"\xff",
    "bytearray": lambda: bytearray(b"x"),
    "memoryview": lambda: memoryview(b"x"),
    "bytes as keys": lambda: {b"event": b"error", b"span.kind": b"producer", b"k": 1},
    "keys that do not compare": lambda: {
        Key(name): "error" for name in ("event", "span.kind", "sampling.priority", "val", "b3")
    },
    "list": list,
    "list of lists": lambda: [[]],
    "around": around,
    "deep": deep,
    "pairs": lambda: [("a", 1), ("error", True)],
    "no pairs": lambda: [None, 1, "ab", (1, 2, 3)],
    "hostile pairs": lambda: [([], Hostile()), (Hostile(), 1)],
    "tuple": lambda: (1, "%s"),
    "set": lambda: {1},
    "deque": lambda: deque([1]),
    "dict": lambda: {"k": {1: {Column(): 1}}},
    "OrderedDict": lambda: OrderedDict(a=1),
    "UserDict": lambda: UserDict(a=1),
    "mapping proxy": lambda: MappingProxyType({"a": 1}),
    "namespace": lambda: SimpleNamespace(context=Hostile(), items=Hostile(), referenced_context=Hostile()),
    "generator": lambda: (value for value in [("a", 1)]),
    "broken generator": lambda: (refuse() for _ in [1]),
    "iterator": lambda: iter("abc"),
    "class": lambda: ValueError,
    "function": lambda: len,
    "NotImplemented": lambda: NotImplemented,
    "Ellipsis": lambda: ...,
    "module": lambda: sys,
    "datetime": lambda: datetime(2026, 11, 26),
    "aware datetime": lambda: datetime(2026, 11, 26, tzinfo=timezone.utc),
    "date": lambda: date(2026, 11, 26),
    "exception": lambda: ValueError("x"),
    "exception of exceptions": lambda: ValueError(ValueError(Hostile())),
    "hostile exception": lambda: HostileError(),
    "exit": lambda: SystemExit(Hostile()),
    "hostile": lambda: Hostile(),
    "hostile text": lambda: HostileStr("server"),
    "hostile number": lambda: HostileInt(1),
    "hostile list": lambda: HostileList([1]),
    "hostile dict": lambda: HostileDict(val=1),
    "hostile bytes": lambda: HostileBytes(b"x"),
    "hostile class": lambda: HostileClass,
    "of a hostile class": lambda: object.__new__(HostileClass),
    "column": Column,
    "array": lambda: Array([1, 2]),
    "secret class": SecretClass,
    "mask": Mask,
    "endless": Endless,
    "enum": lambda: Color.RED,
    "enum of texts": lambda: Word.PRODUCER,
    **({} if sys.version_info < (3, 11) else {"group": lambda: BaseExceptionGroup("x", [ValueError(Hostile())])}),  # noqa: F821
}


def _of_libraries() -> Iterator[tuple[str, Callable[[], Any]]]:
    with suppress(ImportError):
        import numpy

        yield "numpy's array", lambda: numpy.array([1, 2])
        yield "numpy's empty array", lambda: numpy.array([])
        yield "numpy's matrix of objects", lambda: numpy.array([[Unspeakable(), None]], dtype=object)
        yield "numpy's false", lambda: numpy.bool_(False)
        yield "numpy's nan", lambda: numpy.float64("nan")
        yield "numpy's text", lambda: numpy.str_("server")
        yield "numpy's time", lambda: numpy.datetime64("2026-11-26")
    with suppress(ImportError):
        import sqlalchemy

        yield "SQLAlchemy's column", lambda: sqlalchemy.column("x")
        yield "SQLAlchemy's expression", lambda: sqlalchemy.column("x") == 1


VALUES.update(_of_libraries())

_KEYS = (
    "k",
    "error",
    "span.kind",
    "sampling.priority",
    "peer.service",
    "peer.hostname",
    "peer.address",
    "peer.ipv4",
    "peer.ipv6",
    "peer.port",
    "dropped_tags",
)


def _raise(context: Any, value: Any) -> None:
    """Leave a block by an exception that is, or is made with, a value."""
    error = value if issubclass(type(value), BaseException) else ValueError(value)
    with suppress(BaseException), context:
        raise error


def _each_key(span: Span, value: Any) -> None:
    for key in _KEYS:
        span.set_tag(key, value)


def _many_tags(span: Span, value: Any) -> None:
    span.set_tag("dropped_tags", value).set_tag("dropped_annotations", value)
    for number in range(200):
        span.set_tag(f"k{number}", "v").log_kv({"event": "e"})


def _decorated(span: Span, value: Any) -> None:
    span.tracer.trace("x", tags=value)(lambda: None)()


CALLS: dict[str, Callable[[Span, Any], Any]] = {
    "set_tag": _each_key,
    "set_tag, key": lambda span, value: span.set_tag(value, "v"),
    "set_tag, both": lambda span, value: span.set_tag(value, value),
    "set_tag, many": _many_tags,
    "add_tag": lambda span, value: span.add_tag("k", value),
    "add_tags": lambda span, value: span.add_tags(value),
    "add_tags, values": lambda span, value: span.add_tags(dict.fromkeys(_KEYS, value)),
    "set_operation_name": lambda span, value: span.set_operation_name(value),
    "log_kv": lambda span, value: span.log_kv(value),
    "log_kv, event": lambda span, value: span.log_kv({"event": value}),
    "log_kv, error": lambda span, value: span.log_kv(
        {"event": "error", "error.object": value, "message": value, "stack": value}
    ),
    "log_kv, fields": lambda span, value: span.log_kv({"event": value, "k": value, "message": value}),
    "log_kv, timestamp": lambda span, value: span.log_kv({"event": "e"}, value),
    "log_event": lambda span, value: span.log_event(value, value),
    "log": lambda span, value: span.log(event=value, payload=value, timestamp=value),
    "info": lambda span, value: span.info(value),
    "info, args": lambda span, value: span.info("%s %r %d", value, value, value),
    "info, one arg": lambda span, value: span.info("%(k)s", value),
    "info, both": lambda span, value: span.info(value, value, value),
    "error": lambda span, value: span.error(value, value),
    "error, format": lambda span, value: span.error("%d %(k)s %s", value),
    "error, exception": lambda span, value: span.error("python.exception", value),
    "error, of exception": lambda span, value: span.error("python.exception", {"type": value, "val": value, "tb": value}),
    "set_baggage_item": lambda span, value: span.set_baggage_item("k", value),
    "set_baggage_item, key": lambda span, value: span.set_baggage_item("a", "b").set_baggage_item(value, "v"),
    "get_baggage_item": lambda span, value: span.set_baggage_item("a", "b").get_baggage_item(value),
    "set_trace_attribute": lambda span, value: span.context.set_trace_attribute("k", value),
    "set_trace_attribute, key": lambda span, value: span.context.set_trace_attribute(value, "v"),
    "get_trace_attribute": lambda span, value: span.set_baggage_item("a", "b").context.get_trace_attribute(value),
    "finish": lambda span, value: span.finish(value),
    "start_span": lambda span, value: span.tracer.start_span(value).finish(),
    "start_span, tags": lambda span, value: span.tracer.start_span("x", tags=value).finish(),
    "start_span, values of tags": lambda span, value: span.tracer.start_span("x", tags=dict.fromkeys(_KEYS, value)).finish(),
    "start_span, start_time": lambda span, value: span.tracer.start_span("x", start_time=value).finish(),
    "start_span, both times": lambda span, value: span.tracer.start_span("x", start_time=value).finish(value),
    "start_span, child_of": lambda span, value: span.tracer.start_span("x", child_of=value).finish(),
    "start_span, references": lambda span, value: span.tracer.start_span("x", references=value).finish(),
    "start_span, reference": lambda span, value: span.tracer.start_span(
        "x", references=[value, child_of(span.context)]
    ).finish(),
    "start_span, context": lambda span, value: span.tracer.start_span("x", references=[Reference(value, value)]).finish(),
    "start_span, one reference": lambda span, value: span.tracer.start_span("x", references=Reference(value, value)).finish(),
    "start_active_span": lambda span, value: span.tracer.start_active_span(value, tags={"k": value}).close(),
    "start_active_span, tags": lambda span, value: span.tracer.start_active_span("x", tags=value, start_time=value).close(),
    "start_trace": lambda span, value: span.tracer.start_trace(value, value).finish(),
    "join_trace": lambda span, value: span.tracer.join_trace(value, value, value).finish(),
    "join_trace, tags": lambda span, value: span.tracer.join_trace("x", span.context, value).finish(),
    "join_trace, kind": lambda span, value: span.tracer.join_trace("x", span.context, {"span.kind": value}).finish(),
    "join_trace, received": lambda span, value: _received(span.tracer, {"span.kind": value}).finish(),
    "start_child": lambda span, value: span.start_child(value, value).finish(),
    "start_child_span": lambda span, value: start_child_span(span, value, tags=value, start_time=value).finish(),
    "new_child_trace_context": lambda span, value: span.tracer.new_child_trace_context(value),
    "trace": _decorated,
    "leaving with": lambda span, value: _raise(span, value),
    "leaving a scope": lambda span, value: _raise(span.tracer.scope_manager.activate(span, True), value),
    "_on_error": lambda span, value: span._on_error(span, value, value, value),
    "inject": lambda span, value: [span.tracer.inject(value, format, {}) for format in (Format.TEXT_MAP, Format.HTTP_HEADERS)],
    "inject, format": lambda span, value: span.tracer.inject(span.context, value, {}),
    "inject, carrier": lambda span, value: span.tracer.inject(span.context, Format.HTTP_HEADERS, value),
    "inject, binary": lambda span, value: span.tracer.inject(span.context, Format.BINARY, value),
    "inject, what was set": lambda span, value: _inject(span.set_baggage_item("k", value)),
    "extract": lambda span, value: span.tracer.extract(Format.HTTP_HEADERS, value),
    "extract, format": lambda span, value: span.tracer.extract(value, {}),
    "extract, values": lambda span, value: span.tracer.extract(
        Format.TEXT_MAP, {"b3": value, "traceparent": value, "k": value}
    ),
    "extract, binary": lambda span, value: span.tracer.extract(Format.BINARY, value),
    "trace_context_to_text": lambda span, value: span.tracer.trace_context_to_text(value),
    "trace_context_to_binary": lambda span, value: span.tracer.trace_context_to_binary(value),
    "trace_context_from_text": lambda span, value: span.tracer.trace_context_from_text(value, value),
    "trace_context_from_text, both": lambda span, value: span.tracer.trace_context_from_text({"b3": value}, value),
    "trace_context_from_binary": lambda span, value: span.tracer.trace_context_from_binary(value, value),
}


def _received(tracer: Tracer, tags: Any) -> Span:
    headers = {"b3": f"{'a' * 16}-{'b' * 16}-1"}
    return tracer.join_trace("x", tracer.trace_context_from_text(headers, headers), tags)


def _inject(span: Span) -> None:
    span.tracer.inject(span.context, Format.TEXT_MAP, {})
    span.tracer.inject(span.context, Format.BINARY, bytearray())


def failures(make: Callable[[], Tracer], call: str, finished: bool = False) -> Iterator[str]:
    """The values with which a call raised an exception, each tried on a new tracer."""
    for name, value in VALUES.items():
        tracer = make()
        span = tracer.start_span("x")
        if finished:
            span.finish()
        try:
            CALLS[call](span, value())
            span.finish()
            span.finish()
        except DOCUMENTED:
            if not call.startswith(("inject", "extract")):
                yield f"{call}, {name}: a documented exception in the wrong place"
        except Exception as error:
            yield f"{call}, {name}: {type(error).__name__}: {error} ({_where(error)})"


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
        if "opentracing" in trace.tb_frame.f_code.co_filename and "tests" not in trace.tb_frame.f_code.co_filename:
            line = f"{trace.tb_frame.f_code.co_filename.rpartition('opentracing')[2]}:{trace.tb_lineno}"
    return locals().get("line", "?")


def main() -> None:
    from .tracers import TRACERS

    failed = [
        f"{tracer}: {line}"
        for (tracer, make), call in itertools.product(TRACERS.items(), CALLS)
        for line in failures(make, call)
    ]
    print("\n".join([*failed, f"{len(failed)} failed of {len(TRACERS) * len(CALLS) * len(VALUES)}"]))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
