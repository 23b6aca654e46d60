"""The wire formats of the mock tracer, which are the same as in opentracing 2.4.0."""

from __future__ import annotations

import io
import pickle
from email.message import Message
from typing import Any

import pytest

from opentracing import Format, InvalidCarrierException, SpanContextCorruptedException, Tracer
from opentracing.mocktracer import MockTracer
from opentracing.mocktracer.binary_propagator import BinaryPropagator
from opentracing.mocktracer.context import SpanContext
from opentracing.mocktracer.text_propagator import TextPropagator

# Written by opentracing 2.4.0 on Python 3.11 for SpanContext(trace_id=2, span_id=1, baggage={"a": "b"}).
UPSTREAM = (
    b"\x80\x04\x95i\x00\x00\x00\x00\x00\x00\x00\x8c\x1eopentracing.mocktracer.context\x94\x8c\x0bSpanContext\x94\x93\x94)\x81\x94"
    b"}\x94(\x8c\x08trace_id\x94K\x02\x8c\x07span_id\x94K\x01\x8c\x08_baggage\x94}\x94\x8c\x01a\x94\x8c\x01b\x94sub."
)

text, binary = TextPropagator(), BinaryPropagator()


def parts(context: SpanContext) -> tuple[int | None, int | None, dict[str, str]]:
    return context.trace_id, context.span_id, context.baggage


def test_text_is_hexadecimal_numbers_and_an_entry_for_each_item() -> None:
    """`inject` adds `ot-tracer-traceid`, `ot-tracer-spanid` and `ot-baggage-` entries and keeps the carrier's other entries."""
    carrier = {"host": "shop"}
    text.inject(SpanContext(255, 1 << 63, {"Gift-For": "Ann"}), carrier)
    entries = {"ot-tracer-traceid": "ff", "ot-tracer-spanid": "8000000000000000", "ot-baggage-Gift-For": "Ann"}

    assert {"host": "shop", **entries} == carrier


def test_text_is_read_in_any_case_among_other_entries() -> None:
    """Keys are read in any case, baggage keys become lower case like headers, and keys that are not text are ignored."""
    carrier = {"OT-Tracer-TraceId": "fF", "ot-tracer-spanid": "0010", "OT-BAGGAGE-Gift-For": "Ann", "Host": "shop", 3: "x"}

    assert (255, 16, {"gift-for": "Ann"}) == parts(text.extract(carrier))


def test_text_is_read_from_anything_that_answers_by_key() -> None:
    """A text carrier may be the headers of a standard library's server, or an object that only has keys and `[]`."""
    headers = Message()
    headers["ot-tracer-traceid"], headers["ot-tracer-spanid"] = "2", "1"

    class Keyed:
        def __iter__(self) -> Any:
            return iter(headers.keys())

        def __getitem__(self, key: str) -> Any:
            return headers[key]

    assert (2, 1, {}) == parts(text.extract(headers)) == parts(text.extract(Keyed()))


@pytest.mark.parametrize("format", [Format.TEXT_MAP, Format.HTTP_HEADERS, Format.BINARY])
def test_a_context_survives_each_format(format: str) -> None:
    """Identity and baggage, of any characters, are the same after `inject` and `extract`."""
    tracer = MockTracer()
    context = tracer.start_span("x").set_baggage_item("key", "\u00e4 %\n \ud800 value").context
    carrier: Any = bytearray() if format == Format.BINARY else {}
    tracer.inject(context, format, carrier)
    received = tracer.extract(format, carrier)

    assert isinstance(received, SpanContext)
    assert parts(context) == parts(received)


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        {"host": "shop"},
        {"ot-tracer-traceid": "1"},
        {"ot-tracer-spanid": "1", "ot-baggage-a": "b"},
        {"ot-tracer-traceid": "no hex", "ot-tracer-spanid": "1"},
        {"ot-tracer-traceid": "1", "ot-tracer-spanid": ""},
        {"ot-tracer-traceid": 1, "ot-tracer-spanid": None},
    ],
    ids=str,
)
def test_text_without_a_whole_context_is_corrupted(carrier: dict[str, Any]) -> None:
    """Both an empty and a partial context raise SpanContextCorruptedException, while 0.5's verb returns None."""
    tracer = MockTracer()
    for format in (Format.TEXT_MAP, Format.HTTP_HEADERS):
        with pytest.raises(SpanContextCorruptedException, match="ot-tracer-traceid"):
            tracer.extract(format, carrier)

    assert tracer.trace_context_from_text(carrier, carrier) is None


def test_a_context_that_opentracing_2_4_0_wrote_is_read() -> None:
    """Our mock tracer reads a context that the mock tracer of opentracing 2.4.0 wrote."""

    assert (2, 1, {"a": "b"}) == parts(binary.extract(bytearray(UPSTREAM)))
    assert (2, 1, {"a": "b"}) == parts(binary.extract(UPSTREAM))


def test_what_is_written_is_what_opentracing_2_4_0_expects() -> None:
    """A written context is a pickle of protocol 2, which every Python reads; it names one class and sets three attributes."""
    carrier = bytearray(b"")
    binary.inject(SpanContext(2, 1, {"a": "b"}), carrier)

    class Stranger:
        """Stands for upstream's class of this name."""

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            assert ("opentracing.mocktracer.context", "SpanContext") == (module, name)
            return Stranger

    assert b"\x80\x02" == carrier[:2]
    assert {"trace_id": 2, "span_id": 1, "_baggage": {"a": "b"}} == vars(Reader(io.BytesIO(carrier)).load())


def test_bytes_are_added_to_the_carrier() -> None:
    """`inject` appends to a bytearray and keeps its former bytes."""
    carrier = bytearray(b"before")
    binary.inject(SpanContext(2, 1), carrier)

    assert (2, 1, {}) == parts(binary.extract(carrier[len(b"before") :]))


class Trap:
    """A class whose unpickling calls a function that the pickle's author chose."""

    sprung = 0

    def __reduce__(self) -> Any:
        return spring, ()


def spring() -> SpanContext:
    Trap.sprung += 1
    return SpanContext(1, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no pickle",
        UPSTREAM[:40],
        pickle.dumps(3),
        pickle.dumps(SpanContext()),
        pickle.dumps(SpanContext("1", 2)),  # type: ignore[arg-type]
        pickle.dumps(SpanContext(1, 2, {"a": 3})),  # type: ignore[dict-item]
        UPSTREAM.replace(b"_baggage", b"_luggage"),
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x02]" + b"(" * 10_000 + b"l" * 10_000,
    ],
    ids=lambda data: repr(data)[:40],
)
def test_bytes_that_are_no_context_are_corrupted(data: bytes) -> None:
    """Both missing and damaged bytes raise SpanContextCorruptedException, while 0.5's verb returns None."""
    tracer = MockTracer()
    with pytest.raises(SpanContextCorruptedException, match="not a pickled context"):
        tracer.extract(Format.BINARY, bytearray(data))

    assert tracer.trace_context_from_binary(bytearray(data), None) is None


def test_reading_bytes_calls_nothing_that_they_name() -> None:
    """A pickle from a stranger cannot run code in `extract`."""
    data = bytearray(pickle.dumps(Trap()))

    with pytest.raises(SpanContextCorruptedException):
        binary.extract(data)
    assert 0 == Trap.sprung
    pickle.loads(data)
    assert 1 == Trap.sprung


def test_a_stranger_cannot_add_to_a_context() -> None:
    """`extract` keeps only the ids and the baggage of a received context."""
    context = SpanContext(2, 1)
    context.__dict__["set_trace_attribute"] = "hidden"

    assert {"trace_id", "span_id", "_baggage"} == vars(binary.extract(pickle.dumps(context))).keys()


def test_baggage_travels_as_text() -> None:
    """Baggage travels as text, whatever its values are, even if the text of a value raises."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    context = SpanContext(2, 1, {"a": 3, "b": Broken()})  # type: ignore[dict-item]
    carrier: dict[str, str] = {}
    data = bytearray()
    text.inject(context, carrier)
    binary.inject(context, data)
    received = binary.extract(data).baggage

    assert ("3", "3") == (carrier["ot-baggage-a"], received["a"])
    assert carrier["ot-baggage-b"] == received["b"]


def test_a_context_without_identity_is_not_written() -> None:
    """`inject` writes nothing for a context without identity, such as the no-op's from before the tracer was installed."""
    for context in (Tracer().start_span("x").context, SpanContext(), None):
        carrier: dict[str, str] = {}
        data = bytearray()
        text.inject(context, carrier)
        binary.inject(context, data)

        assert ({}, bytearray()) == (carrier, data)


def test_wrong_carriers_are_refused() -> None:
    """A carrier of a wrong type raises InvalidCarrierException, whatever the context is."""
    context = SpanContext(2, 1)
    no_text_maps: list[Any] = [None, 3, "text", b"x", bytearray(), [1]]
    no_bytes: list[Any] = [None, 3, "text", {}]
    for carrier in no_text_maps:
        with pytest.raises(InvalidCarrierException):
            text.inject(context, carrier)
        with pytest.raises(InvalidCarrierException):
            text.extract(carrier)
    for carrier in no_bytes:
        with pytest.raises(InvalidCarrierException):
            binary.inject(context, carrier)
        with pytest.raises(InvalidCarrierException):
            binary.extract(carrier)
    with pytest.raises(InvalidCarrierException):
        binary.inject(context, b"not to be added to")
