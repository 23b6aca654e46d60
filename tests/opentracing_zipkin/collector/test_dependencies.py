"""Who calls whom: each rule as the real server was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from opentracing_zipkin.collector.dependencies import dependency_links
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .growth import least_seconds

ERROR = {"error": ""}


def span(
    number: int, parent: int | None, kind: str | None, service: str, remote: str | None = None, **more: Any
) -> FinishedSpan:
    return FinishedSpan(
        "a" * 16,
        f"{number:016x}",
        None if parent is None else f"{parent:016x}",
        kind,
        local=Endpoint(service),
        remote=None if remote is None else Endpoint(remote),
        **more,
    )


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param(
            [span(1, None, "CLIENT", "web", "alias"), span(1, None, "SERVER", "app", shared=True)],
            [("web", "app", 1, 0)],
            id="shared: the server knows its name",
        ),
        pytest.param(
            [span(1, None, "CLIENT", "web"), span(1, None, "SERVER", "app")],
            [("web", "app", 1, 0)],
            id="shared without the flag",
        ),
        pytest.param(
            [span(1, None, "CLIENT", "web", "web"), span(1, None, "SERVER", "web", shared=True), span(2, 1, None, "web")],
            [("web", "web", 1, 0)],
            id="a service that calls itself",
        ),
        pytest.param(
            [span(1, None, "SERVER", "web"), span(1, None, "CLIENT", "web", "web"), span(2, 1, None, "web")],
            [],
            id="without the flag and on the same endpoint both sides are one span",
        ),
        pytest.param(
            [span(1, None, "CLIENT", "web"), span(2, 1, "SERVER", "app")], [("web", "app", 1, 0)], id="ids of their own"
        ),
        pytest.param([span(1, None, "CLIENT", "web", "db")], [("web", "db", 1, 0)], id="a client without server"),
        pytest.param([span(1, None, "CLIENT", "web")], [], id="a client that names nobody"),
        pytest.param([span(1, None, "SERVER", "app")], [], id="a root server"),
        pytest.param([span(1, None, "SERVER", "app", "web")], [("web", "app", 1, 0)], id="a root server that names its client"),
        pytest.param([span(1, None, "PRODUCER", "web", "kafka")], [("web", "kafka", 1, 0)], id="a producer and its broker"),
        pytest.param([span(1, None, "CONSUMER", "app", "kafka")], [("kafka", "app", 1, 0)], id="a consumer and its broker"),
        pytest.param(
            [span(1, None, "PRODUCER", "web"), span(2, 1, "CONSUMER", "app")], [], id="messages without the name of the broker"
        ),
        pytest.param([span(1, None, None, "web", "db")], [("web", "db", 1, 0)], id="no kind, but both ends"),
        pytest.param([span(1, None, None, "web")], [], id="a local span"),
        pytest.param(
            [span(1, None, "SERVER", "web"), span(2, 1, None, "web"), span(3, 2, "CLIENT", "web", "db")],
            [("web", "db", 1, 0)],
            id="local spans are skipped",
        ),
        pytest.param(
            [span(1, None, "CLIENT", "web"), span(1, None, "SERVER", "web", shared=True)], [("web", "web", 1, 0)], id="itself"
        ),
        pytest.param(
            [span(1, None, "SERVER", "web"), span(2, 1, "CLIENT", "app", "db")],
            [("web", "app", 1, 0), ("app", "db", 1, 0)],
            id="a missing server is filled in",
        ),
        pytest.param(
            [span(1, None, "CLIENT", "web", tags=ERROR), span(1, None, "SERVER", "app", shared=True)],
            [("web", "app", 1, 0)],
            id="shared: the client's error does not count",
        ),
        pytest.param(
            [span(1, None, "CLIENT", "web"), span(1, None, "SERVER", "app", shared=True, tags=ERROR)],
            [("web", "app", 1, 1)],
            id="shared: the server's error counts",
        ),
        pytest.param(
            [span(1, None, "CLIENT", "web", tags=ERROR), span(2, 1, "SERVER", "app")],
            [("web", "app", 1, 1)],
            id="ids of their own: the client's error counts",
        ),
        pytest.param(
            [span(1, 2, "CLIENT", "web"), span(2, 1, "SERVER", "app")], [("web", "app", 1, 0)], id="ids that form a ring"
        ),
    ],
)
def test_a_trace_tells_who_called_whom(spans: list[FinishedSpan], expected: list[tuple[str, str, int, int]]) -> None:
    """One link for each call, whoever tells of it, in whatever order."""
    for trace in (spans, spans[::-1]):
        links = [
            (link["parent"], link["child"], link["callCount"], link.get("errorCount", 0)) for link in dependency_links([trace])
        ]

        assert sorted(expected) == sorted(links)  # type: ignore[type-var]


def test_links_add_up_over_traces() -> None:
    """Calls and errors of the same pair are counted together."""
    good, bad = span(1, None, "CLIENT", "web", "db"), span(1, None, "CLIENT", "web", "db", tags=ERROR)

    assert [{"parent": "web", "child": "db", "callCount": 3, "errorCount": 1}] == dependency_links([[good], [bad], [good]])


def pieces_of_one_id(count: int) -> list[FinishedSpan]:
    """Servers that share an id, each on an endpoint of its own, with a span below each."""
    servers = [span(1, None, "SERVER", f"app{number}", shared=True) for number in range(count)]
    return [span(1, None, "CLIENT", "web"), *servers, *(span(2, 1, None, f"app{number}") for number in range(count))]


def clients_below_a_chain(count: int) -> list[FinishedSpan]:
    """Local spans, each below the one before, and as many clients below the last."""
    chain = [span(number, number - 1, None, "web") for number in range(2, count + 2)]
    return [
        span(1, None, "SERVER", "web"),
        *chain,
        *(span(count + each + 2, count + 1, "CLIENT", "web") for each in range(count)),
    ]


@pytest.mark.parametrize("trace", [pieces_of_one_id, clients_below_a_chain])
def test_links_cost_four_times_as_much_for_four_times_the_spans(trace: Callable[[int], list[FinishedSpan]]) -> None:
    """Whatever shape a trace has: one of 8,000 endpoints with the same id is no way to keep the collector busy."""
    few, many = trace(1000), trace(4000)

    # 4 to 5 were seen; 16 is what a step of quadratic cost makes.
    assert least_seconds(dependency_links, [many]) < 10 * least_seconds(dependency_links, [few])


def test_a_span_in_pieces_of_an_endpoint_is_one() -> None:
    """Of which one knows the name and another the address, in whatever order they came."""
    pieces = [span(1, None, "CLIENT", "web", "db") for _ in range(3)]
    pieces[1].local = Endpoint("web", "10.0.0.1")
    pieces[2].local = None
    pieces[2].tags = {"error": ""}

    for trace in (pieces, pieces[::-1]):
        assert [{"parent": "web", "child": "db", "callCount": 1, "errorCount": 1}] == dependency_links([trace])


def test_a_ring_of_local_spans_has_no_caller() -> None:
    """Ids that form a ring are no tree, and end no search for the caller."""
    ring = [span(1, 3, None, "web"), span(2, 1, None, "web"), span(3, 2, None, "web")]

    assert [{"parent": "web", "child": "db", "callCount": 1}] == dependency_links(
        [[*ring, span(4, 2, "CLIENT", "web", "db"), span(5, 1, "SERVER", "web")]]
    )
