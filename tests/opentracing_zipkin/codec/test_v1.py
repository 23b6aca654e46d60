"""The two versions: a span of version 1 becomes spans of version 2, as in the server."""

from __future__ import annotations

from typing import Any

import pytest

from opentracing_zipkin.codec.v1 import Core, V1Span, core_of, to_v2
from opentracing_zipkin.model import Endpoint, FinishedSpan

WEB = Endpoint("web", "10.0.0.1")
APP = Endpoint("app", "10.0.0.2", "", 80)
NOWHERE = None

Event = tuple[int, str, Endpoint | None]


def v1(*annotations: Event, at: int = 0, lasts: int = 0, **fields: Any) -> V1Span:
    plain = {"tags": (), "addresses": (), **fields}
    return V1Span("a" * 16, "b" * 16, None, "get", at, lasts, annotations, debug=False, **plain)


def v2(kind: str | None = None, at: int = 0, lasts: int = 0, local: Endpoint | None = None, **fields: Any) -> FinishedSpan:
    return FinishedSpan("a" * 16, "b" * 16, None, kind, "get", at, lasts, local, **fields)


@pytest.mark.parametrize(
    ("kind", "has_duration", "expected"),
    [
        ("CLIENT", True, Core("cs", "cr", "sa")),
        ("CLIENT", False, Core("cs", "", "sa")),
        ("SERVER", True, Core("sr", "ss", "ca")),
        ("PRODUCER", True, Core("ms", "ws", "ma")),
        ("PRODUCER", False, Core("ms", "", "ma")),
        ("CONSUMER", True, Core("wr", "mr", "ma")),
        ("CONSUMER", False, Core("mr", "", "ma")),
        (None, True, Core("", "", "sa")),
    ],
)
def test_a_kind_is_said_by_core_annotations(kind: str | None, has_duration: bool, expected: Core) -> None:
    """Each kind has its annotations at begin and end, and its key for the remote endpoint."""
    assert expected == core_of(kind, has_duration)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(v1((10, "cs", WEB), (30, "cr", WEB)), [v2("CLIENT", 10, 20, WEB)], id="client, timed by its annotations"),
        pytest.param(v1((10, "cs", WEB), (30, "cr", WEB), at=9, lasts=25), [v2("CLIENT", 9, 25, WEB)], id="client, own times"),
        pytest.param(v1((10, "cs", WEB), at=10), [v2("CLIENT", 10, 0, WEB)], id="client without end"),
        pytest.param(v1((30, "cr", WEB), at=10, lasts=20), [v2("CLIENT", 10, 20, WEB)], id="client, begin inferred"),
        pytest.param(v1((30, "cr", WEB)), [v2("CLIENT", 0, 0, WEB, annotations=[(30, "cr")])], id="client, end only"),
        pytest.param(v1((10, "sr", APP), (30, "ss", APP), at=10, lasts=20), [v2("SERVER", 10, 20, APP)], id="server"),
        pytest.param(
            v1((10, "sr", APP), (30, "ss", APP)),
            [v2("SERVER", 10, 20, APP, shared=True)],
            id="server without own times: shared",
        ),
        pytest.param(
            v1((9, "cs", WEB), (10, "sr", APP), (30, "ss", APP), (31, "cr", WEB), at=9, lasts=22),
            [v2("CLIENT", 9, 22, WEB), v2("SERVER", 10, 20, APP, shared=True)],
            id="both sides",
        ),
        pytest.param(
            v1((9, "cs", WEB), (10, "sr", WEB), (30, "ss", WEB), (31, "cr", WEB)),
            [v2("CLIENT", 9, 22, WEB), v2("SERVER", 10, 20, WEB, shared=True)],
            id="both sides on one service",
        ),
        pytest.param(
            v1((9, "cs", WEB), (10, "sr", APP)),
            [v2("CLIENT", 9, 0, WEB), v2("SERVER", 10, 0, APP, shared=True)],
            id="one-way call",
        ),
        pytest.param(v1((10, "ms", WEB), (15, "ws", WEB)), [v2("PRODUCER", 10, 5, WEB)], id="producer"),
        pytest.param(v1((10, "wr", WEB), (15, "mr", WEB)), [v2("CONSUMER", 10, 5, WEB)], id="consumer"),
        pytest.param(v1((10, "mr", WEB)), [v2("CONSUMER", 10, 0, WEB)], id="consumer without begin"),
        pytest.param(
            v1((10, "ms", WEB), (15, "mr", APP)),
            [v2("PRODUCER", 10, 0, WEB), v2("CONSUMER", 15, 0, APP, shared=True)],
            id="producer and consumer",
        ),
        pytest.param(v1((10, "ws", WEB)), [v2(None, 0, 0, WEB, annotations=[(10, "ws")])], id="a wire time alone"),
        pytest.param(
            v1((10, "cs", NOWHERE), at=10, lasts=5),
            [v2(None, 10, 5, annotations=[(10, "cs")])],
            id="core annotation without host",
        ),
    ],
)
def test_annotations_become_kind_and_times(source: V1Span, expected: list[FinishedSpan]) -> None:
    """Core annotations tell how many sides a span has, the kind of each, and its begin and end."""
    assert expected == to_v2(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(v1((10, "cs", WEB), addresses=[("sa", APP)]), [v2("CLIENT", 10, 0, WEB, remote=APP)], id="client"),
        pytest.param(v1((10, "ms", WEB), addresses=[("ma", APP)]), [v2("PRODUCER", 10, 0, WEB, remote=APP)], id="producer"),
        pytest.param(v1((10, "sr", APP), at=10, addresses=[("ca", WEB)]), [v2("SERVER", 10, 0, APP, remote=WEB)], id="server"),
        pytest.param(
            v1((10, "sr", APP), at=10, addresses=[("ca", Endpoint("app", "10.0.0.9"))]),
            [v2("SERVER", 10, 0, APP, remote=Endpoint("", "10.0.0.9"))],
            id="a client that bears the server's name",
        ),
        pytest.param(v1(at=10, addresses=[("sa", APP)]), [v2(None, 10, remote=APP)], id="server's address alone"),
        pytest.param(v1(at=10, addresses=[("ca", WEB)]), [v2("SERVER", 10, remote=WEB)], id="client's address alone"),
        pytest.param(v1(at=10, addresses=[("ca", WEB), ("sa", APP)]), [v2(None, 10, local=WEB, remote=APP)], id="both"),
    ],
)
def test_an_address_becomes_the_remote_endpoint(source: V1Span, expected: list[FinishedSpan]) -> None:
    """`sa`, `ca` and `ma` are the other side of the call, seen from the side that has the kind."""
    assert expected == to_v2(source)


def test_tags_go_to_the_side_of_their_host() -> None:
    """The tags and annotations of two services become those of two spans."""
    source = v1((5, "x", APP), (9, "cs", WEB), (10, "sr", APP), tags=[("b", "1", WEB), ("a", "2", WEB), ("c", "3", APP)])
    by_name = {side.local.service_name: side for side in to_v2(source) if side.local}

    assert {"a": "2", "b": "1"} == by_name["web"].tags
    assert {"c": "3"} == by_name["app"].tags
    assert [(5, "x")] == by_name["app"].annotations


def test_an_empty_local_component_only_names_the_host() -> None:
    """`lc` without a value is no tag; with a value it is one."""
    assert [v2(local=WEB)] == to_v2(v1(tags=[("lc", "", WEB)]))
    assert [v2(local=WEB, tags={"lc": "flask"})] == to_v2(v1(tags=[("lc", "flask", WEB)]))
