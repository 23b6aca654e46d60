"""Fixtures for tests of several parts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .isolation import clear_settings, close_global_tracer


@pytest.fixture
def no_global_tracer() -> Iterator[None]:
    """Afterwards the global tracer is closed, and is the no-op again."""
    yield
    close_global_tracer()


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, no_global_tracer: None) -> None:
    """The environment has no setting, and no global tracer is left to the next test."""
    clear_settings(monkeypatch)
