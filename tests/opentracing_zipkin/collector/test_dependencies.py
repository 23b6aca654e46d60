"""Links between services: each rule as measured on the real server."""

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
    """Each call is one link, whichever side reports it and in any order."""
    for trace in (spans, spans[::-1]):
        links = [
            (link["parent"], link["child"], link["callCount"], link.get("errorCount", 0)) for link in dependency_links([trace])
        ]

        assert sorted(expected) == sorted(links)  # type: ignore[type-var]


def test_links_add_up_over_traces() -> None:
    """The calls and errors of one pair are added up over all traces."""
    good, bad = span(1, None, "CLIENT", "web", "db"), span(1, None, "CLIENT", "web", "db", tags=ERROR)

    assert [{"parent": "web", "child": "db", "callCount": 3, "errorCount": 1}] == dependency_links([[good], [bad], [good]])


def pieces_of_one_id(count: int) -> list[FinishedSpan]:
    """Servers that share an id, each on another endpoint, with a span below each."""
    servers = [span(1, None, "SERVER", f"app{number}", shared=True) for number in range(count)]
    return [span(1, None, "CLIENT", "web"), *servers, *(span(2, 1, None, f"app{number}") for number in range(count))]


def clients_below_a_chain(count: int) -> list[FinishedSpan]:
    """Local spans in a chain, and as many clients below the last one."""
    chain = [span(number, number - 1, None, "web") for number in range(2, count + 2)]
    return [
        span(1, None, "SERVER", "web"),
        *chain,
        *(span(count + each + 2, count + 1, "CLIENT", "web") for each in range(count)),
    ]


@pytest.mark.parametrize("trace", [pieces_of_one_id, clients_below_a_chain])
def test_links_cost_four_times_as_much_for_four_times_the_spans(trace: Callable[[int], list[FinishedSpan]]) -> None:
    """The cost of links grows linearly, even for thousands of endpoints with one id, so a trace cannot block the collector."""
    few, many = trace(1000), trace(4000)

    # Factors of 4 to 5 were seen; a quadratic step would give 16.
    assert least_seconds(dependency_links, [many]) < 10 * least_seconds(dependency_links, [few])


def test_a_span_in_pieces_of_an_endpoint_is_one() -> None:
    """Pieces of one span are merged, even if one knows the endpoint's name and another its address, in any order."""
    pieces = [span(1, None, "CLIENT", "web", "db") for _ in range(3)]
    pieces[1].local = Endpoint("web", "10.0.0.1")
    pieces[2].local = None
    pieces[2].tags = {"error": ""}

    for trace in (pieces, pieces[::-1]):
        assert [{"parent": "web", "child": "db", "callCount": 1, "errorCount": 1}] == dependency_links([trace])


def test_a_ring_of_local_spans_has_no_caller() -> None:
    """A circle of local spans has no caller, and the search for the caller ends."""
    ring = [span(1, 3, None, "web"), span(2, 1, None, "web"), span(3, 2, None, "web")]

    assert [{"parent": "web", "child": "db", "callCount": 1}] == dependency_links(
        [[*ring, span(4, 2, "CLIENT", "web", "db"), span(5, 1, "SERVER", "web")]]
    )
