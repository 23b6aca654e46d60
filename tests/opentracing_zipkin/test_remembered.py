"""Texts that are remembered for all spans: short ones, and not too many, for any thread and any text."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import opentracing_zipkin.deciding as deciding
import opentracing_zipkin.propagation as propagation_package
from opentracing import Format
from opentracing_zipkin import ZipkinContext, ZipkinTracer, model, tags
from opentracing_zipkin.codec import SpanEncoder, json_v1, json_v2, memo, proto3, thrift_v1
from opentracing_zipkin.context import REMOTE
from opentracing_zipkin.model import Endpoint, FinishedSpan, parse_ip
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.testing import InMemoryRecorder

THREADS = 8
BOUND = 50
EACH = 100  # texts of each thread; all threads together have sixteen times the bound

ENCODERS: dict[str, SpanEncoder] = {"json": json_v2, "json_v1": json_v1, "thrift": thrift_v1, "proto3": proto3}

# `Use` is a thread's use of a new text; `Remembered` returns the size and the bound of each memory.
Use = Callable[[str], object]
Remembered = Callable[[], list[tuple[int, int]]]


def decisions() -> tuple[Use, Remembered]:
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())

    def decide(text: str) -> None:
        for number in range(100):  # most of the time is spent where threads may meet
            context = ZipkinContext(f"{number:03}{text:0>13}", "1" * 16, state=REMOTE)
            tracer._decide(context)

            assert True is context.sampled

    return decide, lambda: [(len(tracer._decisions), BOUND)]


def names_of_headers() -> tuple[Use, Remembered]:
    propagation = B3Propagation()

    def extract(text: str) -> None:
        for carrier in ({text: "v"}, [(text.encode(), b"v")]):
            assert None is propagation.extract(carrier)

    return extract, lambda: [(len(each), BOUND) for each in (propagation._plans, propagation._frameworks._places)]


def names_of_headers_written_to() -> tuple[Use, Remembered]:
    propagation = B3Propagation()

    def inject(text: str) -> None:
        for carrier in ({text: "v", "OT-Baggage-" + text: "v"}, [(text, b"v"), ("OT-Baggage-" + text, b"v")]):
            propagation.inject(ZipkinContext(), carrier)

            assert 1 == len(carrier)

    return inject, lambda: [(len(each), BOUND) for each in (propagation._stale.clean_names, propagation._stale._stale_names)]


def keys_of_tags() -> tuple[Use, Remembered]:
    return lambda text: tags.resolve_tags({text: "v"}, True, True), lambda: [(len(tags._plain_keys), BOUND)]


def addresses() -> tuple[Use, Remembered]:
    return parse_ip, lambda: [(model._parse_kept.cache_info().currsize, 4096)]


def encoded(encoder: SpanEncoder, remembered: Remembered) -> tuple[Use, Remembered]:
    def encode(text: str) -> None:
        remote, local = Endpoint(text), Endpoint("service", port=1 + int(text, 16) % 99)
        span = FinishedSpan("1" * 32, "2" * 16, None, "CLIENT", text, 1, 9, local, remote, [(5, text)], {text: "v"})
        [read] = encoder.decode(encoder.join([encoder.encode(span)]))  # type: ignore[attr-defined]

        assert (text, remote, {text: "v"}) == (read.name, read.remote, read.tags)

    return encode, remembered


MEMORIES: dict[str, Callable[[], tuple[Use, Remembered]]] = {
    "decisions": decisions,
    "names of headers": names_of_headers,
    "names of headers written to": names_of_headers_written_to,
    "keys of tags": keys_of_tags,
    "addresses": addresses,
    "json": lambda: encoded(json_v2, lambda: [(len(each), BOUND) for each in (json_v2._keys, json_v2._endpoints)]),
    "json_v1": lambda: encoded(json_v1, lambda: [(len(json_v1._endpoints), BOUND)]),
    "thrift": lambda: encoded(
        thrift_v1,
        lambda: [
            *((len(each), BOUND) for each in (thrift_v1._texts, thrift_v1._endpoints)),
            (thrift_v1._shapes.weight, thrift_v1.MAX_SHAPES_BYTES),
            (thrift_v1._Annotations.kept, thrift_v1.MAX_KEPT_STRUCTS),
        ],
    ),
    "proto3": lambda: encoded(
        proto3,
        lambda: [
            *((len(each), BOUND) for each in (proto3._names, proto3._endpoints, proto3._tags, proto3._annotations)),
            (proto3._Heads.kept, proto3.MAX_KEPT_HEADS),
        ],
    ),
}


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All bounds are small, all memories are empty, and threads take turns as often as possible."""
    for owner, name, bound in (
        (memo, "MAX_MEMO_ITEMS", BOUND),
        (propagation_package, "MAX_REMEMBERED", BOUND),
        (deciding, "MAX_REMEMBERED_DECISIONS", BOUND),
        (tags, "MAX_PLAIN_KEYS", BOUND),
        (proto3, "MAX_KEPT_KEYS", BOUND),
        (proto3, "MAX_KEPT_VALUES", BOUND),
        (proto3, "MAX_KEPT_HEADS", BOUND),
        (thrift_v1, "MAX_SHAPES_BYTES", 100_000),
        (thrift_v1, "MAX_KEPT_STRUCTS", BOUND),
    ):
        monkeypatch.setattr(owner, name, bound)
    forget()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    forget()


def forget() -> None:
    tags._plain_keys.clear()
    model._parse_kept.cache_clear()
    thrift_v1._annotations_of.cache_clear()
    memories: list[Any] = [
        json_v2._keys,
        json_v2._endpoints,
        json_v1._endpoints,
        proto3._names,
        proto3._endpoints,
        proto3._tags,
    ]
    memories += [proto3._annotations, thrift_v1._texts, thrift_v1._endpoints, thrift_v1._shapes]
    for memory in memories:
        memory.clear()
    thrift_v1._shapes.weight = thrift_v1._Annotations.kept = proto3._Heads.kept = 0


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("name", MEMORIES)
def test_threads_with_ever_new_texts_do_each_other_no_harm(name: str) -> None:
    """No thread raises, every text is read and written correctly, and each memory stays within its bound."""
    use, remembered = MEMORIES[name]()
    raised: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        start.wait()
        try:
            for number in range(EACH):
                use(f"{thread * EACH + number:05x}")
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == raised
    sizes = remembered()
    assert all(0 < size for size, _ in sizes)
    assert [] == [(size, bound) for size, bound in sizes if size > bound + THREADS]


def test_two_threads_that_decide_a_trace_take_the_same_answer() -> None:
    """If two samplers decide at the same time, the second answer is ignored."""
    answers = [True, False]
    inner: list[bool | None] = []

    def sampler(trace_id: int) -> bool:
        answer = answers.pop(0)
        if answer:  # the other thread asks in between and decides first
            inner.append(decide())
        return answer

    tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), sampler=sampler)

    def decide() -> bool | None:
        context = tracer.extract(Format.HTTP_HEADERS, {"x-b3-traceid": "a" * 16, "x-b3-spanid": "b" * 16})
        return tracer.join_trace("x", context).context.sampled

    assert [decide()] == inner == [False]


LONG = 10_000
SPANS = 1_000  # a memory that kept only a tenth of the texts would be over the limit
MAX_GROWTH_BYTES = 8 << 20


class Last(InMemoryRecorder):
    """Keeps the last span only."""

    def record(self, span: Any) -> None:
        self.last: FinishedSpan = span.to_finished()


LAST = Last()
TRACER = ZipkinTracer("service", recorder=LAST, max_tag_length=LONG)


def from_tags(name: str = "n", event: str = "e", **given: str) -> FinishedSpan:
    """A span as an application makes it."""
    span = TRACER.start_span(
        name, tags={"span.kind": "client", **{key.replace("_", "."): value for key, value in given.items()}}
    )
    span.log_kv({"event": event}).finish()
    return LAST.last


def from_handler(
    local: Endpoint | None = None, remote: Endpoint | None = None, event: str = "e", key: str = "k"
) -> FinishedSpan:
    """A span as a span handler of the application may leave it."""
    local = Endpoint("service") if local is None else local
    return FinishedSpan("1" * 32, "2" * 16, None, "CLIENT", "n", 1, 9, local, remote, [(5, event)], {key: "v"})


HOSTILE: dict[str, Callable[[str], FinishedSpan]] = {
    "name": lambda text: from_tags(name=text),
    "event": lambda text: from_tags(event=text),
    "key of a tag": lambda text: from_tags(**{text: "v"}),
    "value of a tag": lambda text: from_tags(key=text),
    "peer.service": lambda text: from_tags(peer_service=text),
    "peer.hostname": lambda text: from_tags(peer_hostname=text),
    "peer.address": lambda text: from_tags(peer_address=f"{text}:80"),
    "zone of an address": lambda text: from_tags(peer_ipv6=f"::1%{text}"),
    "a handler's key of a tag": lambda text: from_handler(key=text),
    "a handler's remote service": lambda text: from_handler(remote=Endpoint(text)),
    "a handler's remote address": lambda text: from_handler(remote=Endpoint("peer", text, text)),
    "a handler's local service": lambda text: from_handler(Endpoint(text), event=text),
    "a handler's local address": lambda text: from_handler(Endpoint("service", text, text)),
}


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_long_texts_without_end_cost_no_memory(kind: str, encoding: str) -> None:
    """A thousand spans with ever new texts of 10,000 characters leave less than 8 MiB behind; in fact nearly nothing."""
    encode, make = ENCODERS[encoding].encode, HOSTILE[kind]
    encode(make("once"))
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(SPANS):
            encode(make(f"{number:05}" + "x" * (LONG - 5)))
        gc.collect()
        growth, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert growth < MAX_GROWTH_BYTES


def test_the_name_of_a_remote_service_is_cut() -> None:
    """The name is cut to 255 characters, as in the server's storage, also if its lower case is longer."""
    for text in ("X" * 300, "\u0130" * 200):
        remote = from_tags(peer_service=text).remote

        assert remote == Endpoint(text.lower()[:255])


def test_a_long_address_is_read_as_a_short_one_is() -> None:
    """A long address is read and not kept, because a zone may be of any length."""
    model._parse_kept.cache_clear()

    assert ("", "::1") == parse_ip("::1%" + "x" * 200)
    assert ("", "") == parse_ip("x" * 200)
    assert 0 == model._parse_kept.cache_info().currsize
