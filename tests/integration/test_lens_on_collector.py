"""Zipkin's own page on the embedded collector, without Java, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Page, expect

from opentracing_zipkin.collector import Collector

from .query_spans import messages
from .zipkin_server import fetch


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector with a few traces of a minute ago, and the page from the server's jar."""
    with Collector(lens=fetch()) as running:
        for message in messages(int(time.time() * 1000)):
            requests.post(running.url + "/api/v2/spans", json=message, timeout=10)
        yield running


def test_lens_shows_a_trace(collector: Collector, page: Page) -> None:
    """Zipkin's page shows a trace's rows with service and span."""
    page.goto(f"{collector.url}/zipkin/traces/00000000000000a1")

    expect(page.get_by_text("frontend: get /", exact=True).first).to_be_visible()
    expect(page.get_by_text("backend: post /pay", exact=True).first).to_be_visible()


def test_lens_finds_traces(collector: Collector, page: Page) -> None:
    """Zipkin's page finds traces by service, with the names of the API."""
    page.goto(f"{collector.url}/zipkin/?serviceName=frontend&lookback=1h&limit=10")
    page.get_by_role("button", name="Run Query").click()

    expect(page.locator("tr", has_text="frontend").first).to_be_visible()
