"""The list of traces: its content, its searches, and the address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from opentracing_zipkin.collector import Collector

from .conftest import OpenPage, now_us, send
from .looks import found, ids, rows, settled
from .shop import endpoint


@pytest.fixture
def page(shop_page: Page) -> Page:
    return settled(shop_page)


def test_a_row_says_what_it_was_when_and_how_long(page: Page) -> None:
    """A row has service, name, date and time with milliseconds, duration and number of spans."""
    row = found(page).first

    expect(row.locator(".what")).to_have_text("gateway get /books")
    expect(row.locator(".when")).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$"))
    expect(row.locator(".took")).to_have_text(re.compile(r"^\d+\.\d ms$"))
    expect(row.locator(".spans")).to_have_text(re.compile(r"^\d+ spans$"))


def test_a_failed_trace_says_why(page: Page) -> None:
    """The row has the text of the error where it began."""
    expect(found(page).filter(has_text="CardDeclined: insufficient funds").first.locator(".mark")).to_be_visible()
    expect(page.locator("#count")).to_have_text("newest 100 traces · 12 failed")


@pytest.mark.parametrize(
    ("control", "value", "parameters"),
    [
        ("#service", "payment", {"serviceName": "payment"}),
        ("#name", "ask the bank", {"spanName": "ask the bank"}),
        ("#q", "customer=Ada", {"annotationQuery": "customer=Ada"}),
        ("#q", "the bank answered", {"annotationQuery": "the bank answered"}),
        ("#errors", True, {"annotationQuery": "error"}),
        ("#min", "800ms", {"minDuration": 800_000}),
        ("#range", "15m", {"lookback": 900_000}),
        ("#limit", "20", {"limit": 20}),
    ],
)
def test_a_condition_finds_what_the_api_finds(
    page: Page, shop: Collector, control: str, value: Any, parameters: dict[str, Any]
) -> None:
    """Each control narrows the list as the API does: the first row is the API's first, and the count is the same."""
    expected = ids(shop, **parameters)
    field = page.locator(control)
    if value is True:
        field.check()
    elif field.evaluate("each => each.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)
        field.press("Enter")

    assert 0 < len(expected)
    expect(page.locator("#count b")).to_have_text(re.compile(rf"\b{len(expected)} trace"))
    expect(found(page).first).to_have_id(f"trace-{expected[0]}")


def test_tags_are_completed_where_the_server_knows_them(page: Page) -> None:
    """Keys that the server completes are offered, and after `key=` the values of the key."""
    page.route("**/api/v2/autocompleteKeys*", lambda route: route.fulfill(json=["environment"]))
    page.route("**/api/v2/autocompleteValues?key=environment", lambda route: route.fulfill(json=["dev", "live"]))
    page.reload()
    page.focus("#q")
    expect(page.locator("#tags option")).to_have_attribute("value", "environment")
    page.fill("#q", "environment=")

    expect(page.locator("#tags option")).to_have_count(2)
    expect(page.locator("#tags option").last).to_have_attribute("value", "environment=live")
    page.unroute_all()


def test_whom_a_service_calls_is_a_condition(page: Page, shop: Collector) -> None:
    """With a service chosen, the services that it calls can be chosen."""
    page.select_option("#service", "orders")
    page.locator("#remote option[value=kafka]").wait_for(state="attached")
    page.select_option("#remote", "kafka")

    expect(found(page).first).to_have_id(f"trace-{ids(shop, serviceName='orders', remoteServiceName='kafka')[0]}")


def test_a_duration_that_is_none_is_said(page: Page) -> None:
    """For a wrong duration the field names the right form."""
    page.fill("#min", "soon")
    page.press("#min", "Enter")

    assert "a duration such as 100ms, 1.5s or 2m" == page.locator("#min").evaluate("each => each.validationMessage")


def test_between_two_moments(page: Page) -> None:
    """A custom range starts as the last hour, and is in the address."""
    page.select_option("#range", "between")

    expect(page.locator("#from")).to_be_visible()
    expect(page).to_have_url(re.compile(r"from=\d{13}&to=\d{13}"))
    expect(page.locator("#count")).to_contain_text("100 traces")


def test_a_trace_id_in_the_search_opens_its_trace(page: Page, shop: Collector) -> None:
    """A trace id in the search field opens its trace."""
    trace_id = ids(shop, serviceName="mailer")[-1]
    page.fill("#q", f" {trace_id.upper()} ")
    page.press("#q", "Enter")

    expect(page.locator("#trace-pane .id")).to_have_text(trace_id)
    expect(page).to_have_url(re.compile(f"trace={trace_id}"))


def test_a_link_to_a_real_servers_page_opens_the_trace(page: Page, shop: Collector) -> None:
    """`/zipkin/traces/<id>` leads to the page, which shows that trace."""
    trace_id = ids(shop, serviceName="mailer")[0]
    page.goto(f"{shop.url}/zipkin/traces/{trace_id}")

    expect(page.locator("#trace-pane .id")).to_have_text(trace_id)


def test_the_address_holds_the_filter_the_trace_and_the_span(page: Page, open_page: OpenPage) -> None:
    """A reload, and a link that is opened elsewhere, show the same."""
    page.select_option("#service", "payment")
    page.check("#errors")
    expect(page.locator("#count")).to_have_text("12 traces · 12 failed")
    found(page).nth(2).click()
    rows(page).filter(has_text="ask the bank").click()
    for again in (lambda: page.reload() and page, lambda: open_page(page.url)):
        shown = settled(again())

        expect(shown.locator("#service")).to_have_value("payment")
        expect(shown.locator("#errors")).to_be_checked()
        expect(shown.locator("#count")).to_have_text("12 traces · 12 failed")
        expect(found(shown).nth(2)).to_have_attribute("aria-selected", "true")
        expect(shown.locator(".panel h3")).to_have_text("payment ask the bank")


def test_back_and_forward_work(page: Page) -> None:
    """Each filter and each trace is a step back."""
    page.select_option("#service", "mailer")
    expect(page.locator("#count")).to_have_text("25 traces")
    found(page).first.click()
    expect(page.locator("#trace-pane h2")).to_have_text("gateway post /checkout")
    page.go_back()
    expect(page.locator("#trace-pane h2")).to_have_count(0)
    expect(page.locator("#service")).to_have_value("mailer")
    page.go_back()
    expect(page.locator("#count")).to_contain_text("100 traces")
    expect(page.locator("#service")).to_have_value("")
    page.go_forward()
    page.go_forward()

    expect(page.locator("#trace-pane h2")).to_have_text("gateway post /checkout")


def test_the_slowest_can_come_first(page: Page) -> None:
    """The list is sorted by time, duration, errors or size."""
    page.select_option("#sort", "slow")

    expect(found(page).first.locator(".took")).to_have_text(re.compile(r"^(2.9|3.0)\d s$"))
    expect(page).to_have_url(re.compile("sort=slow"))


def test_the_plot_leads_to_the_slowest_by_keys(page: Page) -> None:
    """`s` moves the focus to the plot, Home to the slowest trace of all, and Enter opens it."""
    page.keyboard.press("s")
    page.keyboard.press("Home")
    expect(page.locator("#scatter figcaption")).to_contain_text("gateway post /checkout")
    page.keyboard.press("Enter")

    expect(page.locator("#trace-pane .trace-facts b")).to_have_text(re.compile(r"^(2.9|3.0)\d s$"))


def test_the_plot_has_milliseconds_within_seconds(open_page: OpenPage, empty: Collector) -> None:
    """The axis has milliseconds, because otherwise both of its ends would have the same text."""
    begin = (now_us() // 60_000_000 - 1) * 60_000_000
    for number in (1, 2):
        at = begin + number * 125_000
        span = {"traceId": f"{number:016x}", "id": "1", "timestamp": at, "duration": 5, "localEndpoint": endpoint("shop")}
        send(empty, [span])
    page = open_page("about:blank", origin=empty.url)
    page.add_init_script(
        "const fill = CanvasRenderingContext2D.prototype.fillText; window.written = [];"
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {"
        " written.push(text); fill.call(this, text, ...rest); };"
    )
    page.goto(empty.url)
    expect(page.locator("#count")).to_contain_text("2 traces")
    page.wait_for_function("written.length > 0")
    moments = {text[-7:] for text in page.evaluate("written") if ":" in text}  # second and milliseconds

    assert {":00.125", ":00.250"} == moments


def test_the_plot_leads_to_a_trace_by_a_click(page: Page) -> None:
    """A click on a point opens its trace."""

    box = page.locator("#scatter canvas").bounding_box()
    assert box is not None
    for across in range(48, int(box["width"]) - 10, 4):  # until there is a point under the mouse
        page.mouse.move(box["x"] + across, box["y"] + 45)
        if page.locator("#scatter figcaption").inner_text():
            break
    page.mouse.down()
    page.mouse.up()

    expect(page.locator("#trace-pane h2")).to_contain_text("gateway")


def test_an_empty_collector_says_how_to_send_spans(open_page: OpenPage, empty: Collector) -> None:
    """Without a trace the page has the command and the line that send the first ones here."""
    page = open_page(empty.url)

    expect(page.locator("#list-note")).to_contain_text("No traces in the last day")
    expect(page.locator("#list-note")).to_contain_text(f"ZIPKIN_ENDPOINT={empty.url} opentracing-zipkin run")
    expect(page.locator("#list-note")).to_contain_text(f'opentracing_zipkin.configure("shop", endpoint="{empty.url}"')


def test_a_filter_that_finds_nothing_can_be_cleared(page: Page) -> None:
    """The page says that nothing was found, and one click shows all traces again."""
    page.fill("#q", "nothing=like-this")
    page.press("#q", "Enter")
    expect(page.locator("#list-note")).to_contain_text("No trace matches")
    page.get_by_role("button", name="Clear the filter").click()

    expect(page.locator("#count")).to_contain_text("100 traces")
