"""The spans of a called service and of a service further down arrive in every order, whole or in part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from opentracing_zipkin.doctor import connection, service
from opentracing_zipkin.doctor.query import QueriedServer
from opentracing_zipkin.doctor.report import Finding

Span = dict[str, Any]

X, C, Y, D = "00000000000000a1", "00000000000000c1", "00000000000000b1", "00000000000000d1"


class Clock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(connection, "monotonic", clock.monotonic)
    monkeypatch.setattr(connection, "time", clock)
    return clock


class Scripted:
    """A service that answers at once, and a server that shows the nth span n seconds later; `SPAN` stands for our span's id."""

    endpoint = shown_address = "http://zipkin:9411"

    def __init__(self, clock: Clock, arrivals: Sequence[Span], own_traces: Sequence[Span] = ()) -> None:
        self._clock, self._begin_s = clock, clock.now_s
        self._arrivals, self._own_traces = arrivals, own_traces
        self._ids: dict[str, str] = {}
        self.connection = self

    def call(self, url: str, headers: Mapping[str, str]) -> connection.Reply:
        self._ids = {"SPAN": headers["X-B3-SpanId"], "TRACE": headers["X-B3-TraceId"]}
        return connection.Reply(200, "OK", {}, b"", 0.001)

    def sender(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(send=lambda body: None, close=lambda: None)

    def query_problem(self) -> str:
        return ""

    def url(self, path: str) -> str:
        return self.endpoint + path

    def spans(self, trace_id: str) -> list[Span]:
        text = json.dumps(self._arrivals[: int(self._clock.now_s - self._begin_s + 1e-9)])
        return cast("list[Span]", json.loads(text.replace("SPAN", self._ids["SPAN"])))

    def get(self, url: str) -> connection.Reply:
        [query] = parse_qs(urlsplit(url).query)["annotationQuery"]
        wanted = dict(part.split("=") for part in query.split(" and "))
        own = [
            {**span, "tags": {key: self._ids.get(text, text) for key, text in span["tags"].items()}}
            for span in self._own_traces
        ]
        found = [[span] for span in own if wanted.items() <= span["tags"].items()]
        return connection.Reply(200, "OK", {}, json.dumps(found).encode(), 0.001)


def findings_of(clock: Clock, arrivals: Sequence[Span], own_traces: Sequence[Span] = ()) -> list[Finding]:
    server = cast("QueriedServer", Scripted(clock, arrivals, own_traces))
    return list(service.check_service("http://shop/buy/tea", server, "json"))[1:]


def span_of(name: str, owner: str, span_id: str, parent_id: str | None, kind: str | None, shared: bool = False) -> Span:
    values = {"id": span_id, "parentId": parent_id, "kind": kind, "name": name, "shared": shared or None}
    return {"localEndpoint": {"serviceName": owner}, **{key: value for key, value in values.items() if value is not None}}


class Form(NamedTuple):
    """The forms of the server spans of the shop, which is called, and of the stock, which the shop calls."""

    is_shop_shared: bool
    is_stock_shared: bool

    def spans(self) -> list[Span]:
        """The shop's server span, which is the answer, then its call, a step of its own, and the stock's server span."""
        own = "SPAN" if self.is_shop_shared else X
        return [
            span_of("get /buy/{article}", "shop", own, None if own == "SPAN" else "SPAN", "SERVER", self.is_shop_shared),
            span_of("get", "shop", C, own, "CLIENT"),
            span_of("discount", "shop", D, own, None),
            span_of(
                "get /price/{article}", "stock", *((C, own) if self.is_stock_shared else (Y, C)), "SERVER", self.is_stock_shared
            ),
        ]


FORMS = [Form(is_shop_shared, is_stock_shared) for is_shop_shared in (True, False) for is_stock_shared in (True, False)]


def orders(spans: Sequence[Span]) -> Iterator[tuple[Span, ...]]:
    """Every part of the spans in every order."""
    for count in range(len(spans) + 1):
        yield from permutations(spans, count)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_only_the_server_span_of_the_call_is_its_answer(clock: Clock, form: Form) -> None:
    """The server span of the call is found as soon as it arrives, whatever arrived before; nothing else is taken for it."""
    answer, *others = form.spans()
    wrong = []
    for arrivals in orders([answer, *others]):
        begin_s = clock.now_s
        [finding] = findings_of(clock, arrivals)
        waited_s = clock.now_s - begin_s
        if answer in arrivals:
            right = (
                "shared" if form.is_shop_shared else "child"
            ) == finding.code and "/buy/{article} arrived as shop" in finding.text
            right = right and waited_s < arrivals.index(answer) + 1.3
        else:
            right = ("stranger" if arrivals else "untraced", "fault") == (finding.code, finding.status)
            right = right and waited_s > service.MAX_ARRIVAL_WAIT_S
            right = right and all(
                f"{span['name']} of {span['localEndpoint']['serviceName']}" in finding.text for span in arrivals
            )
        if not right:
            wrong.append((arrivals, finding))

    assert [] == wrong


def test_a_server_span_without_the_mark_shared_is_known_by_its_callers_span(clock: Clock) -> None:
    """A tracer may leave out `shared`; the client span with the same id shows that the server span answers another call."""
    _, client, _, stock = Form(True, True).spans()
    del stock["shared"]
    [finding] = findings_of(clock, [client, stock])

    assert "stranger" == finding.code


def test_a_span_that_shares_our_id_is_preferred_to_a_child(clock: Clock) -> None:
    """Where a sidecar shares our span id and has a child that is a server span, the finding names the sidecar's span."""
    sidecar = span_of("ingress", "sidecar", "SPAN", None, "SERVER", shared=True)
    shop = span_of("get /buy", "shop", X, "SPAN", "SERVER")
    found = [findings_of(clock, [{"id": Y}, *arrivals])[0] for arrivals in ([sidecar, shop], [sidecar])]

    assert ["shared", "shared"] == [finding.code for finding in found]
    assert [True, True] == ["arrived as sidecar" in finding.text for finding in found]


def test_many_other_spans_are_listed_in_part(clock: Clock) -> None:
    """Three different spans are listed, and the others are counted."""
    [finding] = findings_of(clock, [span_of(f"step {number // 2}", "stock", X, Y, None) for number in range(8)])

    assert finding.text.endswith("only other spans arrived: step 0 of stock, step 1 of stock, step 2 of stock and 1 more")


OWN = {"traceId": "0" * 31 + "f", "localEndpoint": {"serviceName": "stock"}}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_distrustful_service_further_down_is_not_the_service_that_was_called(clock: Clock, form: Form) -> None:
    """A service further down may begin a trace of its own; the wait for the called service's span goes on."""
    answer, client, *_ = form.spans()
    own_trace = {**OWN, "tags": {"caller.trace_id": "TRACE", "caller.span_id": C}}
    [found] = findings_of(clock, [client, answer], [own_trace])
    [missing] = findings_of(clock, [client], [own_trace])

    assert ("shared" if form.is_shop_shared else "child", "stranger") == (found.code, missing.code)


def test_a_distrustful_service_is_told_although_others_arrive(clock: Clock) -> None:
    """A service that begins a trace of its own at our call is distrustful, also where another span of our trace arrived."""
    own_trace = {**OWN, "tags": {"caller.trace_id": "TRACE", "caller.span_id": "SPAN"}}
    [finding] = findings_of(clock, [span_of("get", "gateway", C, "SPAN", "CLIENT")], [own_trace])

    assert "distrustful" == finding.code
