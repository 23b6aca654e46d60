"""Fixtures of the tests of faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opentracing_zipkin.collector import Collector

from ...opentracing_zipkin.senders.raw_server import RawServer, raw_server


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def hung() -> Iterator[RawServer]:
    """A server that reads requests and answers none."""
    with raw_server(lambda connection: None) as server:
        yield server


def url(server: RawServer) -> str:
    return f"http://127.0.0.1:{server.port}"
