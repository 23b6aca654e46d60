"""The collector's queries, over real HTTP."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import requests

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import Endpoint, FinishedSpan

NOW_US = time.time_ns() // 1000
MINUTE_US = 60_000_000


def span(trace: str, span_id: str, service: str = "web", **fields: Any) -> FinishedSpan:
    """A span that began just now, with its short ids padded."""
    made = FinishedSpan(trace.zfill(16), span_id.zfill(16), local=Endpoint(service), timestamp_us=NOW_US, duration_us=100)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


# Three traces: one of two services with a failure, one that is ten minutes old, one without a timestamp.
SPANS = [
    span("a", "1", name="get /", kind="SERVER", tags={"http.method": "GET"}, annotations=[(NOW_US, "cache miss")]),
    span("a", "2", kind="CLIENT", parent_id="1".zfill(16), remote=Endpoint("db"), duration_us=40),
    span(
        "a", "2", "db", name="query", kind="SERVER", parent_id="1".zfill(16), shared=True, tags={"error": "x"}, duration_us=30
    ),
    span("b", "1", name="post /", timestamp_us=NOW_US - 10 * MINUTE_US, duration_us=5000),
    span("c", "1", "batch", timestamp_us=0, duration_us=0),
]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        running.store.add(SPANS)
        yield running


def get(collector: Collector, path: str, **parameters: object) -> requests.Response:
    return requests.get(f"{collector.url}/api/v2/{path}", params=parameters, timeout=10)  # type: ignore[arg-type]


def found(collector: Collector, **parameters: object) -> list[str]:
    """The traces that a search finds, by the last character of their ids."""
    return [trace[0]["traceId"][-1] for trace in get(collector, "traces", **parameters).json()]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["a", "b"]),
        ({"limit": 1}, ["a"]),
        ({"serviceName": "WEB"}, ["a", "b"]),
        ({"serviceName": "db"}, ["a"]),
        ({"serviceName": "nobody"}, []),
        ({"serviceName": "web", "spanName": "POST /"}, ["b"]),
        ({"serviceName": "web", "spanName": "query"}, []),
        ({"remoteServiceName": "db"}, ["a"]),
        ({"annotationQuery": "error"}, ["a"]),
        ({"annotationQuery": "error=x and http.method=GET"}, ["a"]),
        ({"annotationQuery": "error=y"}, []),
        ({"annotationQuery": "cache miss"}, ["a"]),
        ({"serviceName": "db", "annotationQuery": "cache miss"}, []),
        ({"minDuration": 101}, ["b"]),
        ({"minDuration": 30, "maxDuration": 50}, ["a"]),
        ({"endTs": NOW_US // 1000 + 1, "lookback": 60_000}, ["a"]),
        ({"endTs": NOW_US // 1000 - 300_000}, ["b"]),
        ({"endTs": NOW_US // 1000 - 300_000, "lookback": 1000}, []),
    ],
)
def test_a_search_finds_traces_that_meet_every_condition(
    collector: Collector, parameters: dict[str, object], expected: list[str]
) -> None:
    """The latest trace comes first; with a service name, conditions apply to its spans; a trace needs a timestamp."""
    assert expected == found(collector, **parameters)


@pytest.mark.parametrize(
    ("path", "parameters", "reason"),
    [
        ("traces", {"limit": 0}, "limit <= 0"),
        ("traces", {"endTs": 0}, "endTs <= 0"),
        ("traces", {"lookback": -1}, "lookback <= 0"),
        ("traces", {"minDuration": 0}, "minDuration <= 0"),
        ("traces", {"maxDuration": 5}, "maxDuration is only valid with minDuration"),
        ("traces", {"minDuration": 9, "maxDuration": 5}, "maxDuration < minDuration"),
        ("traces", {"limit": "x"}, "limit is 'x'"),
        ("traceMany", {}, "traceIds is missing"),
        ("traceMany", {"traceIds": "a"}, "/api/v2/trace/{traceId}"),
        ("traceMany", {"traceIds": "a,0a"}, "redundant traceId"),
        ("trace/A", {}, "lower-hex"),
        ("spans", {}, "serviceName is missing"),
        ("remoteServices", {}, "serviceName is missing"),
        ("dependencies", {}, "endTs is missing"),
    ],
)
def test_a_wrong_parameter_is_named(collector: Collector, path: str, parameters: dict[str, object], reason: str) -> None:
    """A wrong parameter is answered 400 with one line that names it."""
    answer = get(collector, path, **parameters)

    assert 400 == answer.status_code
    assert reason in answer.text


def test_a_trace_is_answered_as_it_was_sent(collector: Collector) -> None:
    """A trace is answered with every piece that came, in Zipkin's order of fields; a short id is understood."""
    answer = get(collector, "trace/a")

    assert ["traceId", "id", "kind", "name", "timestamp", "duration", "localEndpoint", "annotations", "tags"] == list(
        answer.json()[0]
    )
    assert [("1", None), ("2", None), ("2", True)] == [(each["id"][-1], each.get("shared")) for each in answer.json()]
    assert "application/json; charset=utf-8" == answer.headers["content-type"]


def test_a_trace_without_timestamps_is_found_by_its_id(collector: Collector) -> None:
    """A trace that no search finds is answered to a request with its id."""
    assert "batch" == get(collector, "trace/c").json()[0]["localEndpoint"]["serviceName"]


def test_an_unknown_trace_is_not_found(collector: Collector) -> None:
    """An unknown trace is answered 404 with its id in full length."""
    answer = get(collector, "trace/dead")

    assert (404, "000000000000dead not found") == (answer.status_code, answer.text)


def test_many_traces_are_answered_at_once(collector: Collector) -> None:
    """A request for many traces is answered with those that are kept."""
    assert ["b", "a"] == [trace[0]["traceId"][-1] for trace in get(collector, "traceMany", traceIds="b,dead,a").json()]


def test_names_are_listed(collector: Collector) -> None:
    """The services are listed, and for each its span names and its remote services."""
    assert ["batch", "db", "web"] == get(collector, "services").json()
    assert ["get /", "post /"] == get(collector, "spans", serviceName="Web").json()
    assert ["db"] == get(collector, "remoteServices", serviceName="web").json()


def test_dependencies_are_answered(collector: Collector) -> None:
    """The links between services of the traces that began in the window are answered."""
    now = NOW_US // 1000 + 1  # not the present time, which may be much later than that of the spans

    assert [{"parent": "web", "child": "db", "callCount": 1, "errorCount": 1}] == get(
        collector, "dependencies", endTs=now
    ).json()
    assert [] == get(collector, "dependencies", endTs=now - 300_000).json()


def test_health_is_up(collector: Collector) -> None:
    """The health is UP, for programs that wait for a collector."""
    assert "UP" == requests.get(collector.url + "/health", timeout=10).json()["status"]


def test_the_page_is_self_contained(collector: Collector) -> None:
    """The page loads its own files, which are served with their media types, and is not allowed to load others."""
    answer = requests.get(collector.url + "/", timeout=10)
    names = re.findall(r'(?:src|href)="([^"#/]+)"', answer.text)
    files = {name: requests.get(f"{collector.url}/{name}", timeout=10) for name in names}

    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"} == {
        name.rpartition(".")[2]: file.headers["content-type"] for name, file in files.items()
    }
    texts = [file.text.replace("http://www.w3.org/2000/svg", "") for file in files.values()]
    assert not [word for word in ("http:", "https:", "innerHTML", "@import", "eval(") for text in texts if word in text]


def test_the_library_of_the_page_has_its_licence_beside_it() -> None:
    """The name, version and licence of the page's only library are in the same folder."""
    folder = files("opentracing_zipkin.collector") / "page"
    said = (folder / "dagre.LICENSE.txt").read_text("utf-8")

    assert "@dagrejs/dagre 3.1.3" in said
    assert "Permission is hereby granted, free of charge" in said
    assert '"3.1.3"' in (folder / "dagre.js").read_text("utf-8")


def test_links_to_a_real_servers_pages_lead_to_the_page(collector: Collector) -> None:
    """A link to a real server's page of a trace, `/zipkin/traces/<id>`, shows the trace here, too."""
    answer = requests.get(collector.url + "/zipkin/traces/a", allow_redirects=False, timeout=10)

    assert (302, "/#000000000000000a") == (answer.status_code, answer.headers["location"])
