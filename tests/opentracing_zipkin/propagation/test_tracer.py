"""The tracer's carriers: reading and writing with every option of propagation."""

from __future__ import annotations

import wsgiref.headers
from collections import UserDict
from collections.abc import Callable
from email.message import Message
from itertools import product
from typing import Any

import pytest

import opentracing
from opentracing import Format
from opentracing_zipkin import ZipkinContext, ZipkinTracer, configure
from opentracing_zipkin.context import DECIDED, SAMPLED
from opentracing_zipkin.propagation import binary
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.testing import InMemoryRecorder

Pairs = list[tuple[str, str]]

TRACE, SPAN, PARENT = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "0020000000000001"


def make(**settings: Any) -> ZipkinTracer:
    return ZipkinTracer("service", recorder=InMemoryRecorder(), **settings)


def test_a_field_travels_through_a_service_under_its_own_name() -> None:
    """A field is read, given to every child, and written again; it is both a baggage item and a trace attribute."""
    tracer = make(baggage_fields=["x-request-id"])
    context = tracer.extract(Format.HTTP_HEADERS, {"X-Request-ID": "7", "b3": "0"})
    child = tracer.join_trace("x", context).start_child("y")
    carrier: dict[str, str] = {}
    tracer.inject(child.context, Format.HTTP_HEADERS, carrier)

    assert "7" == carrier["x-request-id"]
    assert ("7", "7") == (child.get_baggage_item("x-request-id"), child.trace_context.get_trace_attribute("X_Request_Id"))
    assert {} == dict(make().extract(Format.HTTP_HEADERS, {"x-request-id": "7", "b3": "0"}).baggage)  # type: ignore[union-attr]


def test_a_field_comes_out_of_a_wsgi_environ() -> None:
    """A field is read from a WSGI environ with or without a trace beside it."""
    tracer = make(baggage_fields=["x-request-id"])
    for trace in ({}, {"HTTP_X_B3_SAMPLED": "0"}):
        context = tracer.extract(Format.HTTP_HEADERS, {"HTTP_X_REQUEST_ID": "7", "HTTP_HOST": "h", **trace})

        assert context is not None
        assert {"x-request-id": "7"} == dict(context.baggage)


@pytest.mark.parametrize("field", ["x-request-id", "x_request_id", "X_Request-Id"])
@pytest.mark.parametrize(
    "carrier",
    [
        {"x-request-id": "7"},
        {"X-Request_ID": "7"},
        {"HTTP_X_REQUEST_ID": "7"},
        [(b"x-request-id", b"7")],
        [("x_request_id", "7")],
    ],
    ids=str,
)
def test_a_field_is_found_in_either_spelling(field: str, carrier: Any) -> None:
    """A field's name matches a header in any case, with `-` or `_` in either of them."""
    context = make(baggage_fields=[field]).extract(Format.HTTP_HEADERS, carrier)

    assert context is not None
    assert "7" == context.get_trace_attribute("x-request-id")


@pytest.mark.parametrize(
    "carrier", [{"HTTP_OT-BAGGAGE_KEY": "7"}, [(b"http_ot_baggage-key", b"7")], [(b"ot-baggage-key", b"7")]], ids=str
)
def test_an_attribute_is_found_with_either_sign_for_the_dash(carrier: Any) -> None:
    """The prefix of an attribute is read with `-` or `_`, because a WSGI environ has `_` and some servers mix both."""
    context = make().extract(Format.HTTP_HEADERS, carrier)

    assert context is not None
    assert {"key": "7"} == dict(context.baggage)


def test_attributes_alone_come_out_of_a_wsgi_environ() -> None:
    """Attributes in a WSGI environ are read even without a B3 header."""
    context = make().extract(Format.HTTP_HEADERS, {"HTTP_OT_BAGGAGE_USER_ID": "amy"})

    assert context is not None
    assert {"user-id": "amy"} == dict(context.baggage)


def test_fields_and_attributes_are_the_second_half_of_a_context_in_text() -> None:
    """Ids and decision, `traceparent` and `tracestate` are the first half of a context in text; attributes are the second."""
    tracer = make(baggage_fields=["x-request-id"], w3c=True)
    context = tracer.extract(
        Format.TEXT_MAP,
        {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1", "x-request-id": "7", "ot-baggage-k": "v"},
    )
    ids, attributes = tracer.trace_context_to_text(context)

    assert {"x-request-id": "7", "ot-baggage-k": "v"} == attributes
    assert {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "traceparent", "tracestate"} == set(ids)
    again = tracer.trace_context_from_text(ids, attributes)
    assert again is not None
    assert dict(context.baggage) == dict(again.baggage)  # type: ignore[union-attr]


def test_the_binary_carrier_is_the_single_header_and_a_line_for_each_attribute() -> None:
    """The binary form of a context is ASCII, whatever its attributes contain."""
    tracer = make(baggage_fields=["x-request-id"])
    context = ZipkinContext(TRACE, SPAN, PARENT, DECIDED | SAMPLED, {"k": "\u00e4\n", "x-request-id": "7"})
    carrier = bytearray()
    tracer.inject(context, Format.BINARY, carrier)

    assert f"{TRACE}-{SPAN}-1-{PARENT}\nx-request-id: 7\not-baggage-k: %C3%A4%0A".encode() == bytes(carrier)
    again = tracer.extract(Format.BINARY, carrier)
    assert again is not None
    assert (TRACE, SPAN, PARENT, True) == (again.trace_id, again.span_id, again.parent_id, again.sampled)
    assert {"k": "\u00e4\n", "x-request-id": "7"} == dict(again.baggage)


@pytest.mark.parametrize(
    ("data", "sampled", "baggage"),
    [
        (b"0", False, {}),
        (b"zz-zz-0", False, {}),
        (b"d", True, {}),
        (b"ot-baggage-k: v", None, {"k": "v"}),
        (b"\not-baggage-k: v", None, {"k": "v"}),
        (b"\r\nOT-Baggage-K: v\nnonsense\n\n", None, {"k": "v"}),
    ],
)
def test_a_binary_carrier_may_hold_a_decision_or_attributes_alone(
    data: bytes, sampled: bool | None, baggage: dict[str, str]
) -> None:
    """The binary form may contain a decision or attributes alone, as headers may."""
    context = binary.decode(data)

    assert context is not None
    assert (None, sampled, baggage) == (context.trace_id, context.sampled, dict(context.baggage))


@pytest.mark.parametrize("data", [b"", b"\n", b"zz", b"\xff\xfe", b"\x00" * 100, b": ", b"a: b"])
def test_other_bytes_are_no_context(data: bytes) -> None:
    """Bytes of another kind are no context, and raise no exception."""

    assert None is make().extract(Format.BINARY, data)


class ManyValues(UserDict[str, list[str]]):
    """Like a MultiDict: a name has several values, and `items` has only one of them."""

    @classmethod
    def of(cls, pairs: Pairs) -> ManyValues:
        made = cls()
        for name, value in pairs:
            made.setdefault(name, []).append(value)
        return made

    def items(self) -> Any:
        return [(name, values[-1]) for name, values in self.data.items()]


class Lists(ManyValues):
    def lists(self) -> Any:
        return self.data.items()


class MultiItems(ManyValues):
    def multi_items(self) -> Any:
        return [(name, value) for name, values in self.data.items() for value in values]


def message(pairs: Pairs) -> Message:
    made = Message()
    for name, value in pairs:
        made[name] = value
    return made


class AnyAttribute(dict[str, str]):
    """Like addict's Dict: it has an attribute of every name."""

    def __getattr__(self, name: str) -> Any:
        return AnyAttribute()


def test_a_dict_whose_items_are_attributes_is_a_dict() -> None:
    """A dict with an attribute of every name is read as a dict."""
    context = make().extract(Format.HTTP_HEADERS, AnyAttribute({"X-B3-TraceId": TRACE, "x-b3-spanid": SPAN}))

    assert context is not None
    assert TRACE == context.trace_id


REPEATED: dict[str, Callable[[Pairs], Any]] = {
    "pairs": lambda pairs: pairs,
    "pairs in two spellings": lambda pairs: [
        (name.title() if number % 2 else name, value) for number, (name, value) in enumerate(pairs)
    ],
    "bytes, as of ASGI": lambda pairs: [(name.encode(), value.encode()) for name, value in pairs],
    "iterator": iter,
    "Message": message,
    "headers of wsgiref": lambda pairs: wsgiref.headers.Headers(list(pairs)),
    "lists of values": lambda pairs: dict(ManyValues.of(pairs).data),
    "lists": Lists.of,
    "multi_items": MultiItems.of,
}


@pytest.mark.parametrize("shape", REPEATED)
def test_a_header_that_may_stand_several_times_is_read_as_one_list(shape: str) -> None:
    """The values of repeated `baggage` and `tracestate` headers are joined; of any other header the first value counts."""
    pairs = [
        ("traceparent", f"00-{TRACE}-{SPAN}-01"),
        *[("baggage", f"key{number}={number};p") for number in range(3)],
        *[("tracestate", f"a{number}={number}") for number in range(3)],
        *[("x-request-id", str(number)) for number in range(3)],
        *[("ot-baggage-k", str(number)) for number in range(3)],
    ]
    tracer = make(w3c=True, baggage_fields=["baggage", "x-request-id"])
    context = tracer.extract(Format.HTTP_HEADERS, REPEATED[shape](pairs))
    carrier: dict[str, str] = {}
    tracer.inject(tracer.start_span("x", child_of=context).context, Format.HTTP_HEADERS, carrier)

    assert "key0=0;p,key1=1;p,key2=2;p" == carrier["baggage"]
    assert "a0=0,a1=1,a2=2" == carrier["tracestate"]
    assert ("0", "0") == (carrier["x-request-id"], carrier["ot-baggage-k"])


@pytest.mark.parametrize("shape", REPEATED)
def test_of_repeated_b3_the_first_counts(shape: str) -> None:
    """The first value of a repeated B3 header counts in any carrier, so that a deny is not lost."""
    pairs = [
        ("x-b3-traceid", TRACE),
        ("x-b3-traceid", "1"),
        ("x-b3-spanid", SPAN),
        ("x-b3-sampled", "0"),
        ("x-b3-sampled", "1"),
    ]
    context = make().extract(Format.HTTP_HEADERS, REPEATED[shape](pairs))

    assert context is not None
    assert (TRACE, SPAN, False) == (context.trace_id, context.span_id, context.sampled)


@pytest.mark.parametrize("shape", ["dict", "UserDict", *REPEATED])
def test_the_two_halves_of_a_context_in_text_may_be_any_carriers(shape: str) -> None:
    """Ids and attributes may be in any carriers; for a name in both, the value among the ids counts."""
    convert: Callable[[Pairs], Any] = {"dict": dict, "UserDict": lambda pairs: UserDict(pairs), **REPEATED}[shape]
    ids = [("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN), ("X-B3-Sampled", "0")]
    context = make().trace_context_from_text(convert(ids), convert([("OT-Baggage-K", "v"), ("X-B3-Sampled", "1")]))

    assert context is not None
    assert (TRACE, SPAN, False) == (context.trace_id, context.span_id, context.sampled)
    assert {"k": "v"} == dict(context.baggage)


DEBUG_HEADERS: list[dict[str, str]] = [
    {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "X-B3-Flags": "1"},
    {"b3": f"{TRACE}-{SPAN}-d"},
    {"X-B3-Flags": "1"},
    {"b3": "d"},
    {"traceparent": f"00-{TRACE}-{SPAN}-00", "x-b3-flags": "1"},
]


@pytest.mark.parametrize("kind", ["server", "client", "producer", None])
@pytest.mark.parametrize("priority", [0, 0.0, False, "0", -1, float("nan"), 1, None])
@pytest.mark.parametrize("headers", DEBUG_HEADERS, ids=str)
def test_in_a_debug_trace_every_header_and_span_tells_one_decision(
    headers: dict[str, str], priority: Any, kind: str | None
) -> None:
    """In a debug trace `sampling.priority` is ignored at the start and later, in each format, and for the children."""
    given = {"sampling.priority": priority, **({"span.kind": kind} if kind else {})}
    for b3_format, w3c in product(("multi", "single", "both"), (False, True)):
        recorder = InMemoryRecorder()
        tracer = ZipkinTracer("service", recorder=recorder, b3_format=b3_format, w3c=w3c, sample_rate=0.0)
        started = tracer.start_span("started", child_of=tracer.extract(Format.HTTP_HEADERS, headers), tags=given)
        later = started.start_child("later").set_tag("sampling.priority", priority)
        spans = [started, later, later.start_child("child"), later.start_child("told", given)]
        for span in spans:
            carrier: dict[str, str] = {}
            tracer.inject(span.context, Format.HTTP_HEADERS, carrier)
            again = make().extract(Format.HTTP_HEADERS, carrier)
            assert again is not None
            span.finish()

            assert (True, True) == (span.context.sampled, span.context.debug)
            assert (True, True) == (again.sampled, again.debug)
            assert {"1"} >= {value for name, value in carrier.items() if name in ("x-b3-flags", "x-b3-sampled")}
            assert {"01"} >= {value[-2:] for name, value in carrier.items() if name == "traceparent"}
            assert {"d"} >= {value.split("-")[2] for name, value in carrier.items() if name == "b3"}
        assert [("started", True), ("later", True), ("child", True), ("told", True)] == [
            (span.name, span.debug) for span in recorder.spans
        ]


@pytest.mark.parametrize("priority", [0, 1])
def test_a_priority_decides_what_was_left_open(priority: int) -> None:
    """A priority decides an open decision, even below a context of the application, so that all headers have the same one."""
    span = make().start_span("x", child_of=ZipkinContext(1, 2), tags={"sampling.priority": priority})

    assert bool(priority) is span.context.sampled


def test_the_settings_reach_the_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Propagation settings can be arguments, and variables if they are scalars."""
    monkeypatch.setenv("ZIPKIN_W3C", "true")
    monkeypatch.setenv("ZIPKIN_B3_FORMAT", "single")
    try:
        tracer = configure("service", baggage_fields=["x-request-id"])
        span = tracer.start_span("x").set_baggage_item("x-request-id", "7")
        carrier: dict[str, str] = {}
        tracer.inject(span.context, Format.HTTP_HEADERS, carrier)
        tracer.close()
        other = configure("service", propagation=B3Propagation("multi"))  # the argument outranks the environment

        assert {"b3", "traceparent", "x-request-id"} == set(carrier)
        assert isinstance(other.propagation, B3Propagation)
        assert False is other.propagation.decided
    finally:
        opentracing._reset_global_tracer()


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for a wrong variable has its name, its value and the remedy."""
    monkeypatch.setenv("ZIPKIN_W3C", "maybe")
    with pytest.raises(ValueError, match="environment variable ZIPKIN_W3C is 'maybe'; use true or false"):
        configure("service")


@pytest.mark.parametrize("setting", [{"b3_format": "single"}, {"w3c": True}, {"baggage_fields": ["x"]}])
def test_a_propagation_of_ones_own_excludes_the_settings_of_ours(setting: dict[str, Any]) -> None:
    """A propagation together with a setting of ours raises an error with the setting's name."""
    [name] = setting
    with pytest.raises(ValueError, match=f"propagation excludes {name}; give it to the propagation"):
        make(propagation=B3Propagation(), **setting)


def test_what_could_not_be_read_is_counted() -> None:
    """The application can read the counts of malformed headers and dropped attributes."""
    tracer = make()
    tracer.extract(Format.HTTP_HEADERS, {"b3": "zz", "ot-baggage-k": "x" * 9000})

    assert isinstance(tracer.propagation, B3Propagation)
    assert (1, 1) == (tracer.propagation.malformed, tracer.propagation.attributes.dropped)
