"""What several tests of the doctor need: an environment of their own, patience for what never comes, and certificates."""

from __future__ import annotations

import os

import pytest

from opentracing_zipkin.doctor import network, probe, query, service

from ..senders.certificates import Certificates


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings, names of proxies and certificates, and with time."""
    for name in os.environ:
        if name.startswith(("ZIPKIN_", "OTEL_")) or name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ZIPKIN_SERVICE_NAME", "shop")
    monkeypatch.setattr(probe, "SLOW_S", 30.0)  # a busy machine is no slow server


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that never show what is looked for."""
    monkeypatch.setattr(query, "FOUND_WITHIN_S", 0.2)
    monkeypatch.setattr(query, "SETTLED_WITHIN_S", 0.2)
    monkeypatch.setattr(service, "ARRIVED_WITHIN_S", 0.3)


@pytest.fixture
def _short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that do not speak TLS, and take long to show it."""
    monkeypatch.setattr(network, "MAX_TRIAL_S", 0.2)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
