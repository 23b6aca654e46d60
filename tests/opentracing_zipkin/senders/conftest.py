"""Fixtures for several tests of senders."""

from __future__ import annotations

import pytest

from .certificates import Certificates
from .mock_kafka import MockKafka


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")  # it has threads
def kafka() -> MockKafka:
    return MockKafka()
