"""A service of the user's is called with B3 headers, and its span is looked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.doctor.examination import Examination
from opentracing_zipkin.doctor.report import Finding

from .servers import Behaviour, served, service


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as running:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", running.url)
        yield running


def examined(url: str) -> list[Finding]:
    return [finding for finding in Examination().findings(url) if finding.check == "service"]


class Case(NamedTuple):
    """A service's settings, the findings, and words of the last finding."""

    codes: tuple[str, ...]
    words: str
    settings: Mapping[str, Any] = MappingProxyType({})


CASES = {
    "shared": Case(("answered", "shared"), "get /buy arrived as shop"),
    "child": Case(("answered", "child"), "get /buy arrived as shop", {"shared_spans": False}),
    "nameless": Case(("answered", "shared", "nameless"), "unknown_service", {"name": "unknown_service"}),
    "distrustful": Case(("answered", "distrustful"), "shop has begun a trace of its own", {"trust_incoming": False}),
    "behind a gateway": Case(
        ("answered", "stranger"),
        "only other spans arrived: get /buy of shop",
        {"gateway": "00000000000000aa", "shared_spans": False},
    ),
    "failing": Case(("answered-badly", "shared"), "get /buy arrived as shop", {"status": 500}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_traced_service_is_found(request: pytest.FixtureRequest, collector: Collector, name: str) -> None:
    """A traced service is found by the trace id of the call; the finding tells its name and its span's place."""
    case = CASES[name]
    if name in ("distrustful", "behind a gateway"):
        request.getfixturevalue("_impatient")
    with service(collector.url, **case.settings) as shop:
        findings = examined(f"{shop.url}/buy?article=tea")

    assert list(case.codes) == [finding.code for finding in findings]
    assert case.words in findings[-1].text
    assert ["/buy?article=tea"] == [path for _, path, _ in shop.requests]


def test_a_service_is_called_with_both_spellings_of_b3_and_nothing_of_the_collectors(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    """The call asks for a sampled trace, and carries no credentials of the collector."""
    monkeypatch.setenv("ZIPKIN_AUTH", "me:hunter2")
    with service(collector.url) as shop:
        examined(shop.url)
    [(_, _, headers)] = shop.requests
    trace_id, span_id = headers["x-b3-traceid"], headers["x-b3-spanid"]

    assert (32, 16, "1") == (len(trace_id), len(span_id), headers["x-b3-sampled"])
    assert f"{trace_id}-{span_id}-1" == headers["b3"]
    assert "authorization" not in headers


def test_the_call_is_a_span_as_well(collector: Collector) -> None:
    """The trace is complete: it has the doctor's span of the call and the service's span."""
    with service(collector.url, shared_spans=False) as shop:
        examined(shop.url)
    spans = [span for trace in collector.store.traces() for span in trace if span.kind]
    [client] = [span for span in spans if span.kind == "CLIENT"]
    [server] = [span for span in spans if span.kind == "SERVER"]

    assert (client.trace_id, client.span_id) == (server.trace_id, server.parent_id)


@pytest.mark.usefixtures("_impatient", "collector")
def test_a_service_that_is_not_traced_is_a_fault_with_its_probable_reasons() -> None:
    """An untraced service is a fault with the most probable reason first."""
    with service("") as shop:
        findings = examined(f"http://me:hunter2@{shop.url.partition('//')[2]}/?key=hunter2")
    reasons = ["it is not traced", "another collector", "switched off", "ZIPKIN_HTTP_EXCLUDED_PATHS", "removes the B3 headers"]
    places = [findings[-1].remedy.index(reason) for reason in reasons]

    assert ["answered", "untraced"] == [finding.code for finding in findings]
    assert sorted(places) == places
    assert "hunter2" not in repr(findings)


@pytest.mark.usefixtures("collector")
def test_a_service_that_is_not_there_is_a_fault() -> None:
    """A service that does not answer is a fault with the reason."""
    [finding] = examined("http://127.0.0.1:1/")

    assert ("unanswered", "fault") == (finding.code, finding.status)
    assert "refused" in finding.text


def test_a_service_is_called_where_the_collector_cannot_be_queried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without queries, the finding tells the service's status and the trace id to look for."""
    with served(Behaviour(queries=(404, "text/plain", ""))) as server, service(server.url) as shop:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", server.url)
        findings = examined(shop.url)

    assert ["answered", "unasked"] == [finding.code for finding in findings]
    assert shop.requests[0][2]["x-b3-traceid"] in findings[1].remedy


def test_a_service_is_not_called_where_no_collector_takes_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no collector takes spans, the service is not called, because no span could be found."""
    monkeypatch.setenv("ZIPKIN_ENDPOINT", "http://127.0.0.1:1")
    with service("") as shop:
        findings = examined(shop.url)

    assert (["skipped"], []) == ([finding.code for finding in findings], shop.requests)


def test_the_span_of_a_service_further_down_is_not_the_services_own(collector: Collector) -> None:
    """Where the called service reports elsewhere, the span of a service that it calls does not hide this fault."""
    with Collector() as other, service(collector.url, name="stock") as stock, service(other.url, calls=stock.url) as shop:
        findings = examined(shop.url)

    assert ["answered", "stranger"] == [finding.code for finding in findings]
    assert "fault" == findings[1].status
    assert "get /buy of stock" in findings[1].text
    assert f"another collector than {collector.url}" in findings[1].remedy


@pytest.mark.parametrize("shared_spans", [True, False])
def test_a_service_that_calls_others_is_found_by_its_own_span(collector: Collector, shared_spans: bool) -> None:
    """Where the called service and a service further down report to one collector, the finding names the called one."""
    with (
        service(collector.url, name="stock") as stock,
        service(collector.url, calls=stock.url, shared_spans=shared_spans) as shop,
    ):
        findings = examined(shop.url)

    assert ["answered", "shared" if shared_spans else "child"] == [finding.code for finding in findings]
    assert "arrived as shop" in findings[1].text
