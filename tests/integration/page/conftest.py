"""Collectors that hold the shop's traces, and pages that show them.

Rules: a test fails if a script of its page throws, if the page's policy refuses something, or if a request leaves the origin.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize, expect

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
    """A browser in which each test has its own contexts."""
    browser = playwright.chromium.launch(executable_path=chromium.executable(), headless=True, args=list(chromium.ARGUMENTS))
    yield browser
    browser.close()


class Watched:
    """Pages, each in a context of its own; `faults` has all their faults, including requests beyond their origin."""

    def __init__(self, browser: Browser) -> None:
        self.faults: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def open(self, url: str, size: tuple[int, int] = WIDE, origin: str = "", **options: Any) -> Page:
        viewport: ViewportSize = {"width": size[0], "height": size[1]}
        context = self._browser.new_context(viewport=viewport, timezone_id="UTC", locale="en-US", **options)
        self._contexts.append(context)
        page, home = context.new_page(), urlsplit(origin or url)[:2]
        page.on("pageerror", lambda error: self.faults.append(f"thrown: {error}"))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("request", lambda request: urlsplit(request.url)[:2] == home or self.faults.append(f"asked {request.url}"))
        page.goto(url)
        return page

    def _said(self, kind: str, text: str) -> None:
        if kind == "error" and not _is_answer(text):
            self.faults.append(text)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def open_page(chrome: Browser) -> Iterator[OpenPage]:
    """`open_page(url, size=WIDE, **of_context)`: a new page, watched."""
    watched = Watched(chrome)
    yield watched.open
    watched.close()

    assert [] == watched.faults


@pytest.fixture(scope="package")
def standing(chrome: Browser, shop: Collector) -> Iterator[tuple[Watched, Page]]:
    watched = Watched(chrome)
    yield watched, watched.open(shop.url, permissions=["clipboard-read", "clipboard-write"])
    watched.close()


@pytest.fixture
def shop_page(standing: tuple[Watched, Page], shop: Collector) -> Iterator[Page]:
    """The shop's traces, on a page that many tests use, because a new one takes a second."""
    watched, page = standing
    page.goto(f"{shop.url}/#")
    expect(page.locator("#count")).to_contain_text("100 traces")
    yield page

    faults, watched.faults = watched.faults, []
    assert [] == faults


# Chromium's console repeats each answer that is a fault, and each connection that is refused; the page shows these itself.
def _is_answer(text: str) -> bool:
    return text.startswith("Failed to load resource: ")
