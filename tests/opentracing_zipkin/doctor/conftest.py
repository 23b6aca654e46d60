"""Fixtures for several tests of the doctor: a clean environment, short waits for spans that never come, certificates."""

from __future__ import annotations

import pytest

from opentracing_zipkin.doctor import network, probe, query, service

from ..isolation import clear_settings
from ..senders.certificates import Certificates


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove settings, proxies and certificates from the environment, and allow a slow machine."""
    clear_settings(monkeypatch)
    monkeypatch.setenv("ZIPKIN_SERVICE_NAME", "shop")
    monkeypatch.setattr(probe, "MAX_ANSWER_S", 30.0)  # a busy test machine must not look like a slow server


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits for servers that never show the probes or the service's span."""
    monkeypatch.setattr(query, "MAX_FOUND_WAIT_S", 0.2)
    monkeypatch.setattr(query, "MAX_SETTLE_WAIT_S", 0.2)
    monkeypatch.setattr(service, "MAX_ARRIVAL_WAIT_S", 0.3)


@pytest.fixture
def _short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait for servers that do not speak TLS and take long to show it."""
    monkeypatch.setattr(network, "MAX_TRIAL_S", 0.2)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
