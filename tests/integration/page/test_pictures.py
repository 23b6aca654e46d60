"""The documentation's pictures of the page; `make screenshots` keeps them.

Rules: an element counts as seen if it is on the screen.  Time and seed are fixed, so a picture changes only if the page does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from opentracing_zipkin.collector import Collector

from .conftest import NARROW, WIDE, OpenPage, send
from .looks import found, panel, rows, settled
from .shop import Shop

NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def noon() -> Iterator[Collector]:
    """The shop at a fixed time."""
    with Collector() as collector:
        for spans in Shop(int(NOON.timestamp() * 1e6)).traces(100):
            send(collector, spans)
        yield collector


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder for pictures: the environment's ZIPKIN_PICTURES, or a temporary one."""
    return Path(os.environ.get("ZIPKIN_PICTURES") or tmp_path)


@pytest.fixture
def opened(open_page: OpenPage, noon: Collector) -> Any:
    """A function that opens the page at noon."""

    def at_noon(address: str, size: tuple[int, int] = WIDE, scheme: str = "light") -> Page:
        page = open_page("about:blank", size=size, color_scheme=scheme, origin=noon.url)
        page.clock.set_fixed_time(NOON)
        page.goto(f"{noon.url}/#{address}")
        return page

    return at_noon


def take(page: Page, folder: Path, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(200)  # canvases are drawn at the next frame
    page.screenshot(path=folder / f"page-{name}.png", animations="disabled")


def test_the_list(opened: Any, folder: Path) -> None:
    """The picture shows a hundred traces, with one of them beside the list."""
    page = settled(opened("trace=", size=WIDE))
    found(page).nth(1).click()
    expect(page.locator("#trace-pane h2")).to_be_in_viewport()
    take(page, folder, "list")


@pytest.mark.parametrize(
    ("name", "size", "scheme"), [("error", WIDE, "light"), ("dark", WIDE, "dark"), ("narrow", NARROW, "light")]
)
def test_a_trace_with_an_error(opened: Any, folder: Path, name: str, size: tuple[int, int], scheme: str) -> None:
    """The picture shows the failed trace, with the span where the error began."""
    page = settled(opened("errors=1", size=size, scheme=scheme))
    found(page).first.click()
    page.locator(".cause").click()
    expect(panel(page).get_by_text("CardDeclined: insufficient funds")).to_be_in_viewport()
    expect(rows(page).filter(has_text="ask the bank")).to_be_in_viewport()
    take(page, folder, name)


def test_the_dependencies(opened: Any, folder: Path) -> None:
    """The picture shows the services and their calls."""
    page = opened("view=graph")
    expect(page.locator(".graph svg")).to_be_in_viewport()
    take(page, folder, "dependencies")
