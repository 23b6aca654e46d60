"""The dependencies: the calls between services, and the link from an arrow to its traces."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from opentracing_zipkin.collector import Collector

from .conftest import NARROW, WIDE, OpenPage, now_us, send
from .looks import found, overflow
from .shop import endpoint


@pytest.fixture
def graph(shop_page: Page, shop: Collector) -> Page:
    shop_page.evaluate("document.querySelector('.graph')?.remove()")  # of the test before, which would be drawn anew
    shop_page.goto(f"{shop.url}/#view=graph")
    shop_page.locator(".graph svg").wait_for()
    return shop_page


def services(page: Page) -> list[str]:
    return sorted(page.locator(".graph .service text").all_text_contents())


def arrow(page: Page, words: str) -> Any:
    return page.locator(f'.graph .link[aria-label^="{words}"]')


ALL = [
    "catalogue",
    "gateway",
    "kafka",
    "mailer",
    "orders",
    "payment",
    "postgres-books",
    "postgres-orders",
    "recommendations",
    "redis",
]


def test_services_and_calls_are_drawn(graph: Page) -> None:
    """Each service is a box and each link an arrow with its calls; a link with errors shows their share."""
    assert ALL == services(graph)
    expect(arrow(graph, "gateway calls orders: 37 calls, 12 errors").locator("text")).to_have_text("37 · 32 %")
    expect(arrow(graph, "catalogue calls redis").locator("text")).to_have_text("51")
    expect(graph.locator(".graph .service.remote")).to_have_count(4)


def test_a_service_is_shown_with_its_neighbours(graph: Page) -> None:
    """A click on a service leaves its callers and called services; the address contains it, and Esc shows all."""
    graph.locator(".graph .service", has_text="orders").first.click()
    expect(graph.locator(".graph .service")).to_have_count(5)
    assert ["gateway", "kafka", "orders", "payment", "postgres-orders"] == services(graph)
    expect(graph).to_have_url(re.compile("focus=orders"))
    graph.keyboard.press("Escape")

    expect(graph.locator(".graph .service")).to_have_count(len(ALL))


def test_an_arrow_leads_to_its_traces(graph: Page) -> None:
    """An arrow leads to the traces in which the one service called the other."""
    arrow(graph, "gateway calls recommendations").locator("text").click()

    expect(graph.locator("#count")).to_have_text("12 traces")
    expect(graph.locator("#chips")).to_have_text("called by gateway \u00d7")
    expect(found(graph).first).to_contain_text("gateway get /home")


def test_an_arrow_to_what_sends_no_spans_leads_to_its_callers(graph: Page) -> None:
    """An arrow to a system without spans leads to its callers' traces, with the keyboard, too."""
    arrow(graph, "recommendations calls redis").focus()
    graph.keyboard.press("Enter")

    expect(graph.locator("#count")).to_have_text("12 traces")
    expect(graph.locator("#remote")).to_have_value("redis")


def test_a_graph_that_is_drawn_anew_keeps_the_focus(graph: Page) -> None:
    """A refresh draws the graph anew, and the same arrow has the focus, so that the keyboard goes on from there."""
    old = arrow(graph, "recommendations calls redis").element_handle()
    old.focus()
    graph.keyboard.press("r")
    graph.wait_for_function("old => !old.isConnected", arg=old)

    expect(arrow(graph, "recommendations calls redis")).to_be_focused()


def test_the_errors_of_a_link_lead_to_its_failed_traces(graph: Page) -> None:
    """The table has the same links, and a click on the errors finds the failed traces only."""
    graph.locator(".links tr", has_text="payment").get_by_role("button", name="12 (32 %)").click()

    expect(graph.locator("#count")).to_have_text("12 traces · 12 failed")


def test_the_graph_fits_a_narrow_window(open_page: OpenPage, shop: Collector) -> None:
    """At 400 pixels the graph runs from top to bottom, and nothing is wider than the window."""
    page = open_page(f"{shop.url}/#view=graph", size=NARROW)
    page.locator(".graph svg").wait_for()

    assert 0 >= overflow(page)


@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_a_small_graph_is_not_magnified(open_page: OpenPage, empty: Collector, size: tuple[int, int]) -> None:
    """Two services are drawn as large as two of many."""
    span = {"traceId": "1", "id": "1", "kind": "CLIENT", "timestamp": now_us(), "duration": 5}
    send(empty, [{**span, "localEndpoint": endpoint("shop"), "remoteEndpoint": endpoint("bank")}])
    page = open_page(f"{empty.url}/#view=graph", size=size)
    box = page.locator(".graph .service rect").first.bounding_box()

    assert box is not None
    assert 40 > box["height"]


def test_a_large_system_is_shown_around_one_service(open_page: OpenPage, empty: Collector) -> None:
    """With more than 40 services the graph shows the busiest one with its neighbours, and says so."""
    for number in range(60):
        pairs = [(f"s{number}", f"s{number + 1}"), ("s7", f"s{number}")]
        for at, (caller, called) in enumerate(pairs):
            span = {"traceId": f"{number * 2 + at + 1:016x}", "id": "1", "kind": "CLIENT", "timestamp": now_us(), "duration": 5}
            send(empty, [{**span, "localEndpoint": endpoint(caller), "remoteEndpoint": endpoint(called)}])
    page = open_page(f"{empty.url}/#view=graph")
    page.locator(".graph svg").wait_for()

    expect(page.locator("#graph-view .note-line")).to_contain_text("around s7, the busiest")
    assert 81 >= page.locator(".graph .service").count()
    page.select_option("#graph-view select", "s40")
    expect(page.locator(".graph .service")).to_have_count(4)


def test_no_calls_are_said(open_page: OpenPage, empty: Collector) -> None:
    """Without links the page explains how to get some."""
    page = open_page(f"{empty.url}/#view=graph")

    expect(page.locator("#graph-view")).to_contain_text("No calls between services in this time")
