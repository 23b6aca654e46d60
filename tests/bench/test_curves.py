"""The curves of our tracer and of the limit, with fewer points."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import curves
from bench.sink import Sink


@pytest.fixture
def endpoint() -> Iterator[str]:
    sink = Sink()
    yield f"http://127.0.0.1:{sink.port}"
    sink.close()


@pytest.mark.parametrize("name", ["ours", "limit"])
def test_each_curve_has_a_number_for_each_point(name: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A curve has all its points, and none of them is zero."""
    monkeypatch.setattr(curves, "RATES", (100,))
    monkeypatch.setattr(curves, "RATE_S", 0.1)
    monkeypatch.setattr(curves, "THREADS", (1, 4))
    monkeypatch.setattr(curves, "THREADS_SPANS", 400)

    assert ["100 median_us"] == [at for at, value in curves.rates(name, endpoint, 0).items() if value > 0]
    assert ["1 spans_per_s", "4 spans_per_s"] == [at for at, value in curves.threads(name, endpoint, 0).items() if value > 0]


def test_memory_is_told_after_a_tenth_and_after_all(endpoint: str) -> None:
    """The memory is given after a tenth of the spans and after all, and every span is delivered."""
    curve = curves.growth("ours", endpoint, 100)

    assert ["10 resident_mb", "100 resident_mb", "delivered_spans"] == list(curve)


def test_lateness_is_told_beside_an_idle_and_a_busy_reporter(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays are given next to an idle and a busy reporter, and a higher percentile is not lower."""
    monkeypatch.setattr(curves, "DELAY_ROUNDS", 1)
    curve = curves.delay("ours", endpoint, 0)

    assert curve["busy p50_ms"] <= curve["busy p95_ms"] <= curve["busy p99_ms"]
    assert curve["idle p50_ms"] <= curve["idle p99_ms"]


def test_a_full_pass_is_told_without_spans_and_with_a_full_queue(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a full pass is given without spans and with a full queue, which fills because no span is accepted."""
    monkeypatch.setattr(curves, "WAITING_SPANS", 2_000)
    curve = curves.collection("limit", endpoint, 0)

    assert ["empty full_pass_ms", "2000 full_pass_ms"] == list(curve)
    assert all(value > 0 for value in curve.values())
