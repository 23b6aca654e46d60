"""The demo's failing trace as a person sees it: in the real Zipkin server's UI, in a real browser.

Rules: an element counts as seen if it is on the screen (`to_be_in_viewport`), and not if it is somewhere in the document.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .demo_run import DemoRun
from .zipkin_server import ZipkinServer

FAILING, GOOD = "Bob's card is declined", "Ada buys a teapot"


@pytest.fixture
def trace_page(zipkin: ZipkinServer, demo: DemoRun, page: Page) -> Page:
    """The page of the failing trace."""
    page.goto(f"{zipkin.url}/zipkin/traces/{demo.trace_ids[FAILING]}")
    return page


def row(page: Page, label: str) -> Locator:
    """A span's row, by its text."""
    return page.get_by_text(label, exact=True)


def error_mark(page: Page, label: str) -> Locator:
    """The red sign beside a row's label."""
    return row(page, label).locator("xpath=..").locator("svg.MuiSvgIcon-colorError")


def on_screen(locator: Locator) -> None:
    locator.scroll_into_view_if_needed()
    expect(locator).to_be_in_viewport()


def test_the_ui_shows_service_and_span_names(trace_page: Page, demo: DemoRun) -> None:
    """The page has the root's name as its heading, the trace id, and one row for each call and each local span."""
    on_screen(trace_page.get_by_role("heading", name="frontend: post /checkout"))
    on_screen(trace_page.get_by_text(demo.trace_ids[FAILING], exact=True).first)
    for label in ("orders: post /orders", "orders: reserve the item", "payment: post /charge", "payment: ask the bank"):
        on_screen(row(trace_page, label))


def test_the_ui_marks_what_failed(trace_page: Page, zipkin: ZipkinServer, demo: DemoRun) -> None:
    """The failed spans have an error mark; the other spans and the spans of a good request have none."""
    on_screen(error_mark(trace_page, "payment: post /charge"))
    expect(error_mark(trace_page, "payment: ask the bank")).to_have_count(0)

    trace_page.goto(f"{zipkin.url}/zipkin/traces/{demo.trace_ids[GOOD]}")
    on_screen(row(trace_page, "payment: post /charge"))
    expect(error_mark(trace_page, "payment: post /charge")).to_have_count(0)


def test_the_ui_shows_annotations(trace_page: Page) -> None:
    """A click on a span shows its annotations, each with its time since the trace's start."""
    row(trace_page, "payment: ask the bank").click()

    on_screen(trace_page.get_by_text("the bank said no", exact=True))


def test_the_ui_shows_tags(trace_page: Page, screenshot: Path) -> None:
    """A click on a span shows its tags, here the error and the attribute that was passed on from the frontend."""
    row(trace_page, "payment: post /charge").click()
    # The annotations are closed to make space for the tags, so that the picture has the span's name and its error.
    trace_page.get_by_text("Annotation", exact=True).locator("xpath=..").get_by_role("button").click()

    on_screen(trace_page.get_by_role("row", name="error CardDeclined: insufficient funds"))
    on_screen(trace_page.get_by_role("row", name="customer Bob"))
    screenshot.parent.mkdir(parents=True, exist_ok=True)
    trace_page.mouse.move(0, 0)
    trace_page.screenshot(path=screenshot, animations="disabled")
    on_screen(trace_page.get_by_text("Service name", exact=True))


def test_the_ui_loads_written_traces(page: Page, zipkin: ZipkinServer, demo: DemoRun) -> None:
    """A file that the demo wrote with `--output` can be uploaded to the UI, which shows each request's tree."""
    page.goto(f"{zipkin.url}/zipkin/")
    with page.expect_file_chooser() as chooser:
        page.locator("svg[data-icon=upload]").click()
    chooser.value.set_files(demo.written)

    on_screen(page.get_by_role("heading", name="frontend: get /products"))
    on_screen(error_mark(page, "payment: post /charge"))
    expect(row(page, "payment: post /charge")).to_have_count(2)
