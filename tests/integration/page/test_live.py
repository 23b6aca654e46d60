"""A page that stays open: new traces, a collector that stops, the keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from opentracing_zipkin.collector import Collector

from .conftest import OpenPage, now_us, send
from .looks import found, panel, rows, settled
from .shop import Shop


@pytest.fixture
def page(shop_page: Page) -> Page:
    return settled(shop_page)


def test_the_first_trace_appears_by_itself(open_page: OpenPage, empty: Collector) -> None:
    """An empty list fills as spans arrive."""
    page = open_page(empty.url)
    expect(page.locator("#list-note")).to_be_visible()
    send(empty, Shop(now_us()).browse(now_us() - 50_000))

    expect(found(page)).to_have_count(1, timeout=10_000)


def test_new_traces_do_not_move_what_is_read(open_page: OpenPage, empty: Collector) -> None:
    """New traces wait behind a button that counts them; the rows stay where they are until it is pressed."""
    shop = Shop(now_us())
    for spans in shop.traces(40):
        send(empty, spans)
    page = settled(open_page(empty.url))
    page.locator("#list").evaluate("each => each.scrollTo(0, 700)")
    page.wait_for_timeout(100)
    row = found(page).nth(8)
    name, place = row.get_attribute("id"), row.bounding_box()
    for spans in shop.traces(3, every_us=1000):
        send(empty, spans)
    expect(page.locator("#fresh")).to_have_text("3 new traces ↑", timeout=10_000)
    assert place == page.locator(f"#{name}").bounding_box()
    expect(page.locator("#count")).to_contain_text("40 traces")
    page.locator("#fresh").click()

    expect(page.locator("#count")).to_contain_text("43 traces")
    expect(page.locator("#fresh")).to_be_hidden()


def test_a_trace_that_grows_is_offered(open_page: OpenPage, empty: Collector) -> None:
    """Spans that arrive later change the row at once, and the open trace on request."""
    first, *later = Shop(now_us()).checkout(now_us() - 200_000)
    send(empty, [first])
    page = settled(open_page(empty.url))
    found(page).click()
    send(empty, later)
    expect(found(page).locator(".spans")).to_have_text("11 spans", timeout=10_000)
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Show 10 new spans").click()

    expect(page.locator(".trace-facts")).to_contain_text("11 spans")


def test_a_trace_that_was_not_there_is_shown_once_it_comes(open_page: OpenPage, empty: Collector) -> None:
    """A missing trace appears when it arrives, because a link from a log is often opened before the spans arrive."""
    spans = Shop(now_us()).browse(now_us() - 50_000)
    page = open_page(f"{empty.url}/#trace={spans[0]['traceId']}")
    expect(page.locator("#trace-pane")).to_contain_text("This trace is not here")
    send(empty, spans)

    expect(page.locator("#trace-pane h2")).to_have_text("gateway get /books", timeout=10_000)


def test_a_hidden_page_and_one_that_is_not_live_ask_for_nothing(open_page: OpenPage, shop: Collector) -> None:
    """Polling stops while it is switched off, and while another tab is in front."""
    still, hidden = settled(open_page(shop.url)), settled(open_page(shop.url))
    still.get_by_role("button", name="Live").click()
    hidden.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
    still.wait_for_timeout(300)
    asked: list[str] = []
    for page in (still, hidden):
        page.on("request", lambda request: asked.append(request.url))
    still.wait_for_timeout(3500)  # longer than until the next poll

    assert [] == asked


def test_a_collector_that_is_away_is_said_and_found_again(open_page: OpenPage) -> None:
    """The content stays; the line disappears when the collector answers again, and new traces appear."""
    shop = Shop(now_us())
    with Collector() as collector:
        send(collector, shop.browse(now_us() - 50_000))
        port = collector.port or int(collector.url.rpartition(":")[2])
        page = settled(open_page(collector.url))
    expect(page.locator("#banner")).to_contain_text("does not answer", timeout=10_000)
    expect(found(page)).to_have_count(1)
    with Collector(port=port) as collector:
        for spans in shop.traces(2):
            send(collector, spans)

        expect(page.locator("#banner")).to_be_hidden(timeout=10_000)
        expect(found(page)).to_have_count(2)


def test_the_keys_are_listed(page: Page) -> None:
    """`?` shows the action of each key, and Esc closes the list."""
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("next error, where it began")
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)


def test_everything_can_be_done_with_keys(page: Page) -> None:
    """Keys search, go down the list, open a trace, go through it, and close it."""
    page.keyboard.press("/")
    page.keyboard.type("error")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_contain_text("12 traces")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("#list .active")).to_have_attribute("aria-posinset", "1")
    page.keyboard.press("Enter")
    expect(page.locator("#trace-pane h2")).to_have_text("gateway post /checkout")
    page.keyboard.press("j")
    page.keyboard.press("End")
    expect(panel(page).locator("h3")).to_have_text("payment ask the bank")
    page.keyboard.press("ArrowLeft")
    expect(panel(page).locator("h3")).to_have_text("payment post /charge")
    page.keyboard.press("ArrowLeft")
    expect(rows(page)).to_have_count(5)
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(6)
    page.keyboard.press("J")
    expect(page.locator("#list .opened")).to_have_attribute("aria-posinset", "2")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#trace-pane h2")).to_have_count(0)
    page.keyboard.press("d")
    expect(page.locator(".graph svg")).to_be_visible()
    page.keyboard.press("t")

    expect(found(page).first).to_be_visible()


def test_the_rows_tell_screen_readers_where_they_are(page: Page) -> None:
    """The list of options and the tree give each row's place and level, and whether it is unfolded and chosen."""
    first = page.get_by_role("listbox").get_by_role("option").first
    expect(first).to_have_attribute("aria-setsize", "100")
    page.keyboard.press("j")
    expect(page.get_by_role("listbox")).to_have_attribute("aria-activedescendant", re.compile("^trace-"))
    page.keyboard.press("Enter")
    row = page.get_by_role("tree").get_by_role("treeitem").first

    expect(row).to_have_attribute("aria-level", "1")
    expect(row).to_have_attribute("aria-expanded", "true")
