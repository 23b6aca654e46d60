"""Carriers that are written to: no header of another span stays beside ours, in any class of carrier and any spelling."""

from __future__ import annotations

import email.message
import http.client
import urllib.request
import wsgiref.headers
from collections import ChainMap, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable, Iterator, MutableMapping
from types import MappingProxyType
from typing import Any

import pytest

from opentracing import Format, InvalidCarrierException
from opentracing_zipkin import ZipkinContext, ZipkinTracer, propagation as propagation_package
from opentracing_zipkin.context import DECIDED, SAMPLED
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.testing import InMemoryRecorder
from tests.ids import stable_repr

from .forwarded import CASE_SPELLINGS, PARENT, SPAN, SPELLINGS, TRACE, check_replaced, facts, stale_pairs

Pairs = list[tuple[str, str]]


class CaseInsensitive(MutableMapping[str, str]):
    """Like the class of requests: it keeps the spelling in which a name was set last."""

    def __init__(self, pairs: Pairs) -> None:
        self._kept: dict[str, tuple[str, str]] = {}
        for name, value in pairs:
            self[name] = value

    def __setitem__(self, name: str, value: str) -> None:
        self._kept[name.lower()] = (name, value)

    def __getitem__(self, name: str) -> str:
        return self._kept[name.lower()][1]

    def __delitem__(self, name: str) -> None:
        del self._kept[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._kept.values()])

    def __len__(self) -> int:
        return len(self._kept)


class OneAtATime:
    """Like the metadata of grpc.aio: iterates over pairs, deletes and sets the first of several values."""

    def __init__(self, pairs: Pairs) -> None:
        self.values: dict[str, list[str]] = {}
        for name, value in pairs:
            self.values.setdefault(name, []).append(value)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([(name, value) for name, values in self.values.items() for value in values])

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> str:
        return self.values[name][0]

    def __setitem__(self, name: str, value: str) -> None:
        self.values[name] = [value, *self.values.get(name, [])[1:]]

    def __delitem__(self, name: str) -> None:
        if not self.values[name]:
            raise KeyError(name)
        del self.values[name][0]

    def keys(self) -> Any:
        return iter(self)


class ItemsOnly:
    """Like Django's response: names come from `items` alone, and iterating would use up the body."""

    def __init__(self, pairs: Pairs) -> None:
        self._headers = CaseInsensitive(pairs)

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError

    def items(self) -> Any:
        return self._headers.items()

    def __setitem__(self, name: str, value: str) -> None:
        self._headers[name] = value

    def __delitem__(self, name: str) -> None:
        self._headers.pop(name, None)


def filled(carrier: Any, pairs: Pairs) -> Any:
    for name, value in pairs:
        carrier[name] = value
    return carrier


def of_request(pairs: Pairs) -> Any:
    request = urllib.request.Request("http://localhost")
    for name, value in pairs:
        request.add_header(name, value)
    return request.headers


# How a carrier is made from pairs, and how its pairs are read without our code.
CARRIERS: dict[str, tuple[Callable[[Pairs], Any], Callable[[Any], Any]]] = {
    "dict": (dict, dict.items),
    "OrderedDict": (OrderedDict, dict.items),
    "defaultdict": (lambda pairs: defaultdict(str, pairs), dict.items),
    "UserDict": (lambda pairs: UserDict(pairs), lambda carrier: carrier.items()),
    "dict of bytes": (lambda pairs: UserDict((name.encode(), value) for name, value in pairs), lambda carrier: carrier.items()),
    "headers of urllib.request": (of_request, dict.items),
    "case-insensitive mapping": (CaseInsensitive, lambda carrier: carrier.items()),
    "Message": (lambda pairs: filled(email.message.Message(), pairs), lambda carrier: carrier.items()),
    "HTTPMessage": (lambda pairs: filled(http.client.HTTPMessage(), pairs), lambda carrier: carrier.items()),
    "headers of wsgiref": (lambda pairs: wsgiref.headers.Headers(list(pairs)), lambda carrier: carrier.items()),
    "one at a time": (OneAtATime, iter),
    "items only": (ItemsOnly, lambda carrier: carrier.items()),
    "pairs of text": (list, iter),
    "pairs of text and bytes, as of Kafka": (lambda pairs: [(name, value.encode()) for name, value in pairs], iter),
    "pairs of bytes, as of ASGI": (lambda pairs: [(name.encode(), value.encode()) for name, value in pairs], iter),
    "lists as pairs": (lambda pairs: [list(pair) for pair in pairs], iter),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", CARRIERS)
def test_headers_of_another_span_do_not_outlive_the_writing(kind: str, spelling: str) -> None:
    """Headers of another span are replaced in every class of carrier, spelling and format, and for every new context."""
    make, raw = CARRIERS[kind]
    check_replaced(make, raw, SPELLINGS[spelling])


def test_a_list_stays_the_object_that_it_is() -> None:
    """A list is changed in place, and its other pairs keep their order."""
    first, last = ("k", b"\xff\x00"), ("K", None)
    carrier: list[Any] = [first, ("X-B3-Flags", b"1"), last]
    B3Propagation().inject(ZipkinContext(TRACE, SPAN), carrier)

    assert [first, last, ("x-b3-traceid", TRACE.encode()), ("x-b3-spanid", SPAN.encode())] == carrier


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], ("b3", b"0")),
        ([("k", b"v")], ("b3", b"0")),
        ([("k", "v"), ("l", b"v")], ("b3", b"0")),
        ([("k", None)], ("b3", b"0")),
        ([("b3", "1")], ("b3", b"0")),
        ([("k", "v")], ("b3", "0")),
        ([(b"k", b"v")], (b"b3", b"0")),
        ([(b"B3", b"1")], (b"b3", b"0")),
    ],
    ids=repr,
)
def test_a_list_gets_pairs_of_the_types_that_it_has(before: list[Any], after: tuple[Any, Any]) -> None:
    """New pairs have the types of Kafka, text and bytes, unless all names are bytes, or all values beside them are text."""
    B3Propagation("single").inject(ZipkinContext(state=DECIDED), before)

    assert after == before[-1]


FROZEN = MappingProxyType({"a": "b"})


class ReadOnly(UserDict[str, str]):
    def __setitem__(self, name: str, value: str) -> None:
        raise TypeError("immutable")


@pytest.mark.parametrize(
    "carrier",
    [(), (("a", b"b"),), "text", b"bytes", bytearray(b"bytes"), None, 3, object(), FROZEN, ReadOnly(), {"a"}, iter([])]
    + [["text"], [("a", b"b", "c")], [None], [b"ab"], deque([("a", b"b")])],
    ids=stable_repr,
)
def test_what_cannot_be_written_to_is_no_carrier(carrier: Any) -> None:
    """A carrier that cannot be written to raises the API's exception, and its content stays as it is."""
    before = repr(carrier)
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())
    with pytest.raises(InvalidCarrierException):
        tracer.inject(tracer.start_span("x").context, Format.HTTP_HEADERS, carrier)

    assert before == repr(carrier)


def test_what_cannot_be_deleted_is_emptied() -> None:
    """A header that cannot be deleted from a ChainMap becomes empty; an empty decision counts as absent."""
    carrier = ChainMap({"X-B3-TraceId": "old"}, {"x-b3-flags": "1", "b3": "1", "host": "h"})
    B3Propagation().inject(ZipkinContext(TRACE, SPAN, None, DECIDED), carrier)

    assert {"x-b3-flags": "", "b3": "", "host": "h"}.items() <= dict(carrier).items()
    assert "X-B3-TraceId" not in carrier
    assert facts(ZipkinContext(TRACE, SPAN, None, DECIDED)) == facts(B3Propagation().extract(carrier))


class Hostile(dict[str, str]):
    """Raises at every call, except when it is written to."""

    def _raise(self, *args: Any) -> Any:
        raise RuntimeError

    __iter__ = __contains__ = __delitem__ = __len__ = keys = items = pop = get = __getitem__ = _raise


class WriteOnly:
    def __init__(self) -> None:
        self.written: dict[str, str] = {}

    def __setitem__(self, name: str, value: str) -> None:
        self.written[name] = value


def test_a_carrier_that_can_only_be_written_to_is_written_to() -> None:
    """Exceptions of a carrier during the cleaning do not reach the application."""
    context = ZipkinContext(TRACE, SPAN, PARENT, DECIDED | SAMPLED)
    fresh: dict[str, str] = {}
    B3Propagation().inject(context, fresh)
    hostile, write_only = Hostile(), WriteOnly()
    for carrier in (hostile, write_only):
        B3Propagation().inject(context, carrier)

    assert fresh == write_only.written
    assert sorted(fresh.items()) == sorted(dict.items(hostile))


class Lookup:
    """Knows a header by its name in any case, but cannot list its names."""

    def __init__(self, pairs: Pairs) -> None:
        self.kept = {name.lower(): value for name, value in pairs}

    def __setitem__(self, name: str, value: str) -> None:
        self.kept[name.lower()] = value

    def __delitem__(self, name: str) -> None:
        del self.kept[name.lower()]


def test_a_carrier_that_does_not_tell_its_names_is_asked_for_each_of_ours() -> None:
    """In a carrier that cannot list its names, every name of ours is deleted; unknown trace attributes may stay."""
    carrier = Lookup([pair for pair in stale_pairs(CASE_SPELLINGS["canonical"], True) if "aggage" not in pair[0]])
    B3Propagation(w3c=True, baggage_fields=["X-Request-Id", "x-tenant"]).inject(ZipkinContext(state=DECIDED), carrier)

    assert {"host": "h", "x-b3-sampled": "0"} == carrier.kept


def test_an_attribute_that_was_changed_or_removed_is_not_sent_in_its_old_spelling() -> None:
    """A header of `baggage_fields` has the attribute's present value, or is removed with the attribute."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), baggage_fields=["x-request-id"])
    for value, expected in (("new", {"x-request-id": "new"}), (None, {})):
        carrier: dict[str, str] = {"X-Request-Id": "7f3a"}
        span = tracer.join_trace("x", tracer.extract(Format.HTTP_HEADERS, carrier))
        span.set_baggage_item("x-request-id", value)  # type: ignore[arg-type]
        tracer.inject(span.context, Format.HTTP_HEADERS, carrier)

        assert expected == {name: carrier[name] for name in carrier if name.lower() == "x-request-id"}


def test_a_context_that_says_nothing_takes_the_others_headers_away() -> None:
    """Inject of an empty context removes forwarded headers, because the next service would otherwise join a foreign trace."""
    carrier = {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "ot-baggage-k": "v", "host": "h"}
    B3Propagation().inject(ZipkinContext(), carrier)

    assert {"host": "h"} == carrier


def test_without_w3c_its_headers_are_left_alone() -> None:
    """Without `w3c` the W3C headers stay, because another tracer in the process may have written them."""
    carrier = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1"}
    B3Propagation().inject(ZipkinContext(state=DECIDED), carrier)

    assert {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1", "x-b3-sampled": "0"} == carrier


def test_names_without_end_cost_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only few, short names of type str are remembered."""
    monkeypatch.setattr(propagation_package, "MAX_REMEMBERED", 3)
    propagation = B3Propagation()
    for number in range(10):
        attribute = f"ot-baggage-{number}"
        carrier: dict[Any, Any] = {f"x-endless-{number}": "v", "x" * 3000: "v", attribute: "1", number: "v"}
        propagation.inject(ZipkinContext(state=DECIDED), carrier)

        assert {f"x-endless-{number}", "x" * 3000, number, "x-b3-sampled"} == set(carrier)
        for known in (propagation._stale.clean_names, propagation._stale._stale_names):
            assert 3 >= len(known)
            assert all(type(name) is str and len(name) < 3000 for name in known)
