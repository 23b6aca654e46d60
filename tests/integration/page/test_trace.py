"""One trace: its rows, its marks, the chosen span, and the search in it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from opentracing_zipkin.collector import Collector

from .conftest import LONG, NARROW, OpenPage
from .looks import drop, found, panel, rows, settled, trace_of


@pytest.fixture
def declined(shop_page: Page, shop: Collector) -> Page:
    """The page of a trace that failed."""
    shop_page.goto(trace_of(shop, annotationQuery="error"))
    expect(rows(shop_page)).to_have_count(6)
    return settled(shop_page)


@pytest.fixture
def imported(open_page: OpenPage, importer: Collector) -> Page:
    """The page of the trace of 20,000 spans."""
    page = open_page(trace_of(importer))
    expect(page.locator("#trace-pane h2")).to_have_text("importer nightly import")
    return page


@pytest.mark.parametrize("size", [NARROW, (800, 780)])
def test_every_service_of_the_head_is_whole_on_a_narrow_window(
    open_page: OpenPage, shop: Collector, size: tuple[int, int]
) -> None:
    """On a narrow window the name, the count and the error mark of each service are whole and inside."""
    page = open_page(trace_of(shop, annotationQuery="error"), size=size)
    chips = page.locator(".legend .service")
    expect(chips).to_have_count(3)

    for chip in chips.all():
        expect(chip).to_be_in_viewport(ratio=1)
        assert 0 >= chip.evaluate("it => it.scrollWidth - it.clientWidth")


def test_the_head_says_when_how_long_and_how_much(declined: Page) -> None:
    """The head has the trace's name, its start with date and milliseconds, duration, spans, services and errors."""
    expect(declined.locator("#trace-pane h2")).to_have_text("gateway post /checkout")
    expect(declined.locator(".trace-facts")).to_have_text(
        re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}1\d\d ms8 spans3 services!3 errors[0-9a-f]{32}")
    )


def test_list_and_trace_stand_side_by_side(declined: Page) -> None:
    """The list stays beside the trace, and the trace's row in it is marked."""
    expect(found(declined).and_(declined.locator(".opened"))).to_be_in_viewport()
    expect(declined.locator("#list [aria-selected=true] .what")).to_have_text("gateway post /checkout")


def test_both_halves_of_a_call_are_one_row(declined: Page) -> None:
    """Client and server of a shared span are one row with a bar for each, in their services' colours; a click shows both."""
    charge = rows(declined).filter(has_text="post /charge")
    expect(charge).to_have_count(1)
    expect(charge.locator(".bar.client")).to_be_visible()
    expect(charge.locator(".bar.server")).to_be_visible()
    colours = [
        charge.locator(f".bar.{half}").evaluate("each => getComputedStyle(each).getPropertyValue('--c')")
        for half in ("client", "server")
    ]
    assert 2 == len(set(colours))
    charge.click()

    expect(panel(declined).locator(".half h4")).to_have_text([re.compile("^clientorders"), re.compile("^serverpayment")])


def test_an_error_is_marked_and_its_cause_comes_first(declined: Page) -> None:
    """Failed rows have a mark; the head names the span where the error began, and links to it."""
    expect(rows(declined).locator("[aria-label=error]")).to_have_count(3)
    expect(declined.locator(".cause")).to_have_text("!payment CardDeclined: insufficient funds")
    declined.locator(".cause").click()

    expect(panel(declined).locator("h3")).to_have_text("payment ask the bank")
    expect(panel(declined).locator(".tags tr").first).to_have_text(re.compile("^errorCardDeclined: insufficient funds"))


def test_of_two_halves_that_failed_the_server_says_why(shop_page: Page) -> None:
    """If both halves failed, the server's error is shown, because a client knows only the status that it got."""
    half = {"traceId": "a", "id": "1", "timestamp": 10**15, "duration": 50, "name": "get"}
    client = {**half, "kind": "CLIENT", "localEndpoint": {"serviceName": "shop"}, "tags": {"error": "502"}}
    server = {**half, "kind": "SERVER", "shared": True, "localEndpoint": {"serviceName": "stock"}, "tags": {"error": "Timeout"}}
    drop(shop_page, json.dumps([client, server]), "failed.json")

    expect(shop_page.locator(".cause")).to_have_text("!stock Timeout")


def test_annotations_are_marks_on_the_row(declined: Page) -> None:
    """Each annotation is a mark at its time; the panel has its text and its time since the trace's start."""
    bank = rows(declined).filter(has_text="ask the bank")
    expect(bank.locator(".annotation")).to_have_count(2)
    bank.click()

    expect(panel(declined).locator(".annotations tr").first).to_have_text("+21.0 mswire.connected")


def test_whom_a_call_went_to_is_on_its_row(declined: Page) -> None:
    """A database sends no spans, so its name is behind the name of the call."""
    expect(rows(declined).filter(has_text="insert").locator(".called")).to_have_text("→ postgres-orders")


def test_a_tag_leads_to_more_of_its_kind(declined: Page) -> None:
    """Beside each tag is a search for it; the trace stays open."""
    rows(declined).filter(has_text="post /charge").click()
    panel(declined).get_by_role("button", name="More with http.path").last.click()

    expect(declined).to_have_url(re.compile(r"service=payment&q=http.path%3D%2Fcharge"))
    expect(declined.locator("#count")).to_have_text("37 traces · 12 failed")
    expect(panel(declined)).to_be_visible()


def test_a_span_leads_to_more_like_it(declined: Page) -> None:
    """One button searches for the span's service and name."""
    rows(declined).filter(has_text="reserve the item").click()
    panel(declined).get_by_role("button", name="More like this span").click()

    expect(declined.locator("#service")).to_have_value("orders")
    expect(declined.locator("#name")).to_have_value("reserve the item")
    expect(declined.locator("#count")).to_contain_text("37 traces")


def test_where_the_time_went_is_listed(declined: Page) -> None:
    """The five spans with most time that no child covers are listed, the longest first; a click opens the span."""
    slow = declined.locator(".slow")
    expect(slow).to_have_count(5)
    expect(slow.first).to_contain_text("ask the bank")
    slow.first.click()

    expect(panel(declined).locator("h3")).to_have_text("payment ask the bank")


def test_subtrees_fold(declined: Page) -> None:
    """A folded row hides the rows below it, and shows their number, errors included."""
    expect(rows(declined)).to_have_count(6)
    order = rows(declined).filter(has_text="post /orders")
    order.locator(".twisty").click()
    expect(rows(declined)).to_have_count(2)
    expect(order).to_have_attribute("aria-expanded", "false")
    expect(order.locator(".hidden-count")).to_have_text("+4")
    order.locator(".twisty").click()

    expect(rows(declined)).to_have_count(6)


def test_clocks_that_disagree_are_said(shop_page: Page, shop: Collector) -> None:
    """A server's clock is shifted under its client's; the page shows by how much, and shows reported times on request."""
    page = shop_page
    page.goto(trace_of(shop, serviceName="recommendations"))
    skew, server = page.locator(".skew"), rows(page).filter(has_text="get /for/{customer}").locator(".bar.server")
    client = rows(page).filter(has_text="get /for/{customer}").locator(".bar.client")
    expect(skew).to_contain_text("shown shifted: recommendations by +12.1 ms")
    assert _left(client) < _left(server)
    page.get_by_role("button", name="Show as reported").click()
    expect(skew).to_contain_text("Times as reported")
    assert _left(server) < _left(client)
    page.get_by_role("button", name="Correct them").click()

    expect(skew).to_contain_text("+12.1 ms")


def _left(bar: object) -> float:
    box = bar.bounding_box()  # type: ignore[attr-defined]  # a Locator
    assert box is not None
    return float(box["x"])


def test_like_siblings_are_one_row(shop_page: Page) -> None:
    """Ten or more siblings of one service, name and kind are one row with count and total, which unfolds."""
    page = settled(shop_page)
    found(page).filter(has_text="18 spans").first.click()
    group = rows(page).filter(has=page.locator(".times"))
    expect(group.locator(".times")).to_have_text("\u00d714")
    expect(rows(page).filter(has_text="select")).to_have_count(1)
    group.click()
    expect(panel(page).locator(".facts")).to_contain_text("Spans14Total")
    page.keyboard.press("ArrowRight")

    expect(rows(page).filter(has_text="select")).to_have_count(15)


def test_a_long_trace_opens_folded_with_few_rows_in_the_document(imported: Page) -> None:
    """20,000 spans open with their first level; unfolded and scrolled to the end they are never more than 200 rows."""
    expect(imported.locator(".trace-facts")).to_contain_text(f"{LONG:,} spans")
    expect(rows(imported).nth(1)).to_contain_text("batch 0")
    assert 41 >= rows(imported).count()
    imported.keyboard.press("+")
    rows(imported).nth(2).get_by_text("insert row").wait_for()
    counts = []
    for _ in range(3):
        imported.locator("#trace-pane .rows").evaluate("each => each.scrollBy(0, each.scrollHeight / 2)")
        imported.wait_for_timeout(100)
        counts.append(rows(imported).count())

    expect(rows(imported).last).to_contain_text("importer insert row")
    assert 200 >= max(counts) + found(imported).count()


def test_the_error_among_20000_spans_is_one_key_away(imported: Page) -> None:
    """`e` unfolds the rows above the error, and shows it."""
    imported.keyboard.press("e")

    expect(panel(imported)).to_contain_text("UniqueViolation: row is there already")
    expect(rows(imported).and_(imported.locator(".selected"))).to_be_in_viewport()


def test_what_is_found_in_a_trace_is_shown_with_what_is_above(imported: Page) -> None:
    """Text, kind, service and errors narrow the rows; the rows above a match stay, dimmed."""
    imported.fill(".find", "uniqueviolation")
    expect(imported.locator(".hits")).to_have_text(f"1 of {LONG:,}")
    expect(rows(imported)).to_have_count(3)
    expect(imported.locator("#trace-pane .row:not(.dimmed)")).to_have_count(1)
    imported.fill(".find", "")
    imported.select_option(".toolbar select", "LOCAL")
    expect(imported.locator(".hits")).to_have_text(f"41 of {LONG:,}")
    imported.select_option(".toolbar select", "")
    imported.locator(".toolbar [type=checkbox]").check()

    expect(imported.locator(".hits")).to_have_text(f"1 of {LONG:,}")


def test_only_one_service_can_be_shown(declined: Page) -> None:
    """A click on a service of the legend shows only its spans; another click shows all."""
    declined.locator(".legend .service").filter(has_text="payment").click()
    expect(declined.locator("#trace-pane .row:not(.dimmed)")).to_have_count(2)
    declined.locator(".legend .service").filter(has_text="payment").click()

    expect(declined.locator("#trace-pane .row.dimmed")).to_have_count(0)


def test_a_window_of_time_has_a_way_back(declined: Page) -> None:
    """`z` zooms to the span and dragging zooms to a range; `0` and the back button show the whole trace."""
    rows(declined).filter(has_text="ask the bank").click()
    declined.keyboard.press("z")
    expect(declined).to_have_url(re.compile(r"zoom=\d+%2C\d+"))
    box = rows(declined).filter(has_text="ask the bank").locator(".bar").bounding_box()
    lane = rows(declined).first.locator(".lane").bounding_box()
    assert box is not None
    assert lane is not None
    assert 0.85 < box["width"] / lane["width"] < 1
    declined.keyboard.press("0")
    expect(declined).not_to_have_url(re.compile("zoom"))
    picture = declined.locator(".overview").bounding_box()
    assert picture is not None
    declined.mouse.move(picture["x"] + 100, picture["y"] + 9)
    declined.mouse.down()
    declined.mouse.move(picture["x"] + 300, picture["y"] + 9)
    declined.mouse.up()
    expect(declined).to_have_url(re.compile("zoom"))
    declined.get_by_role("button", name="Whole trace").click()

    expect(declined).not_to_have_url(re.compile("zoom"))


def test_the_id_and_the_json_can_be_copied(declined: Page) -> None:
    """`c` copies the trace id, and a button copies the spans as they were sent."""
    declined.keyboard.press("c")
    expect(declined.locator("#toast")).to_have_text("Copied the trace id")
    trace_id = declined.evaluate("navigator.clipboard.readText()")
    assert trace_id == declined.locator(".trace-facts .id").inner_text().strip()
    declined.locator(".trace-head").get_by_role("button", name="Copy JSON").click()
    expect(declined.locator("#toast")).to_have_text("Copied the trace")
    spans = json.loads(declined.evaluate("navigator.clipboard.readText()"))

    assert {trace_id} == {span["traceId"] for span in spans}
    assert 8 == len(spans)


def test_a_trace_that_is_not_there_is_said(shop_page: Page, shop: Collector) -> None:
    """For an unknown id the page lists possible reasons."""
    shop_page.goto(f"{shop.url}/#trace=00000000000000ff")

    expect(shop_page.locator("#trace-pane")).to_contain_text("This trace is not here")
