"""Elements of the page, and how to find them."""

from __future__ import annotations

from typing import Any

import requests
from playwright.sync_api import Locator, Page, expect

from opentracing_zipkin.collector import Collector

__all__ = ["drop", "found", "ids", "overflow", "panel", "rows", "settled", "trace_of"]


def drop(page: Page, text: str, name: str) -> None:
    """Drop a file of this text on the page."""
    script = """([text, name]) => {
        const data = new DataTransfer();
        data.items.add(new File([text], name));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(script, [text, name])


def found(page: Page) -> Locator:
    """The rows of the list."""
    return page.locator("#list .found")


def rows(page: Page) -> Locator:
    """The rows of the trace."""
    return page.locator("#trace-pane .row")


def panel(page: Page) -> Locator:
    """The panel of the chosen span."""
    return page.locator("#trace-pane .panel")


def settled(page: Page) -> Page:
    """The page, once its list is there."""
    expect(found(page).first).to_be_visible()
    return page


def ids(collector: Collector, **parameters: Any) -> list[str]:
    """The ids of the traces that the API finds, the newest first."""
    answer = requests.get(f"{collector.url}/api/v2/traces", params={"limit": 100, **parameters}, timeout=10)
    return [spans[0]["traceId"] for spans in answer.json()]


def trace_of(collector: Collector, **parameters: Any) -> str:
    """The address of the newest of these traces."""
    return f"{collector.url}/#trace={ids(collector, **parameters)[0]}"


def overflow(page: Page) -> int:
    """The number of pixels by which the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
