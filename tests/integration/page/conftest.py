"""Collectors that hold the shop's traces, and pages that show them.

Rules: whatever a page's scripts throw, whatever its policy refuses and each request beyond its origin fails the test that it is of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, Playwright

from opentracing_zipkin.collector import Collector

from .. import chromium
from .shop import Shop, Span, long_trace

WIDE, NARROW = (1280, 780), (400, 780)
LONG = 20_000  # spans of the long trace

OpenPage: TypeAlias = Callable[..., Page]


def send(collector: Collector, spans: list[Span]) -> None:
    answer = requests.post(f"{collector.url}/api/v2/spans", json=spans, timeout=30)
    assert (202, "") == (answer.status_code, answer.text)


def now_us() -> int:
    return int(time.time() * 1e6)


@pytest.fixture(scope="package")
def shop() -> Iterator[Collector]:
    """A collector with 100 traces of the shop."""
    with Collector() as collector:
        for spans in Shop(now_us()).traces(100):
            send(collector, spans)
        yield collector


@pytest.fixture(scope="package")
def importer() -> Iterator[Collector]:
    """A collector with one trace, of 20,000 spans."""
    with Collector() as collector:
        send(collector, long_trace(now_us() - 1_000_000, LONG))
        yield collector


@pytest.fixture
def empty() -> Iterator[Collector]:
    """A collector without spans."""
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="package")
def chrome(playwright: Playwright) -> Iterator[Browser]:
    """A browser whose contexts are each test's own."""
    browser = playwright.chromium.launch(executable_path=chromium.executable(), headless=True, args=list(chromium.ARGUMENTS))
    yield browser
    browser.close()


@pytest.fixture
def open_page(chrome: Browser) -> Iterator[OpenPage]:
    """`open_page(url, size=WIDE, **of_context)`: a page in a context of its own, watched."""
    faults: list[str] = []
    contexts = []

    def opened(url: str, size: tuple[int, int] = WIDE, **options: Any) -> Page:
        context = chrome.new_context(viewport={"width": size[0], "height": size[1]}, timezone_id="UTC", locale="en-US", **options)
        contexts.append(context)
        page = context.new_page()
        origin = urlsplit(url)[:2]
        page.on("pageerror", lambda error: faults.append(f"thrown: {error}"))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" and not _is_answer(message.text) else None)
        page.on("request", lambda request: faults.append(f"asked {request.url}") if urlsplit(request.url)[:2] != origin else None)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()

    assert [] == faults


# Chromium's console repeats each answer that is a fault, and each connection that is refused; the page shows these itself.
def _is_answer(text: str) -> bool:
    return text.startswith("Failed to load resource: ")
