"""What the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector

from ...opentracing_zipkin.senders.raw_server import RawServer, raw_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # As for the tests beside this folder: the first fixture may have to fetch a server.
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(120, func_only=True))


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def hung() -> Iterator[RawServer]:
    """Reads requests and answers none."""
    with raw_server(lambda connection: None) as server:
        yield server


def url(server: RawServer) -> str:
    return f"http://127.0.0.1:{server.port}"
