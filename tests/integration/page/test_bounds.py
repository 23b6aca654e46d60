"""Unusual input: hostile names, odd trees, narrow and dark windows, old browsers; and the requests that the page may send."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Route, expect

from opentracing_zipkin.collector import Collector

from ..zipkin_server import ZipkinServer
from .conftest import NARROW, WIDE, OpenPage, now_us, send
from .looks import drop, found, overflow, panel, rows, settled
from .shop import Shop, Span

HOSTILE = {
    "markup": "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "template": "${alert(1)} {{constructor.constructor('alert(1)')()}}",
    "right to left": "safe \u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd",
    "long": "n" * 10_240,
    "long words": "word " * 2000,
    "emoji": "\U0001f469\u200d\U0001f680 caf\u00e9 \U0001f1eb\U0001f1f7",
    "controls": "bell\x07 null\x00 escape\x1b[31m line\nnext\ttab",
    "separators": "a\u2028b\u2029c\ufeffd",
    "prototype": "__proto__",
    "url": "javascript:alert(1)",
}


def hostile_trace(trace_id: str, text: str) -> list[Span]:
    """A trace with this text wherever a span takes one."""
    span: dict[str, Any] = {
        "traceId": trace_id,
        "timestamp": now_us() - 9000,
        "duration": 5000,
        "localEndpoint": {"serviceName": text},
    }
    root = {
        **span,
        "id": "1",
        "name": text,
        "tags": {text: text, "error": text},
        "annotations": [{"timestamp": now_us() - 8000, "value": text}],
    }
    call = {**span, "id": "2", "parentId": "1", "kind": "CLIENT", "name": text, "remoteEndpoint": {"serviceName": text + "2"}}
    return [root, call]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_whatever_a_span_holds_is_text(open_page: OpenPage, empty: Collector, size: tuple[int, int]) -> None:
    """No name, tag or annotation becomes an element or a script, moves its surroundings, or is wider than the window."""
    for number, text in enumerate(HOSTILE.values(), start=1):
        send(empty, hostile_trace(f"{number:016x}", text))
    page = settled(open_page(empty.url, size=size))
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for number, text in enumerate(HOSTILE.values(), start=1):
        page.goto(f"{empty.url}/#trace={number:016x}&span=0000000000000001")
        expect(page.locator("#trace-pane .id")).to_have_text(f"{number:016x}")
        expect(panel(page).locator(".tags tr")).to_have_count(1 if text == "error" else 2)
        seen = page.evaluate("document.body.innerText")

        assert 0 >= overflow(page)
        assert 1 == page.locator("img").count()  # the page's own
        assert not [char for char in "\x00\x07\x1b\u202e\u2028\ufeff" if char in seen]
    page.keyboard.press("d")
    expect(page.locator(".graph .link")).to_have_count(len(HOSTILE))

    assert 0 >= overflow(page)


def test_what_cannot_be_seen_is_shown(open_page: OpenPage, empty: Collector) -> None:
    """Control characters and marks of direction appear by their number; an emoji of several parts stays one."""
    page = open_page(empty.url)
    labels = page.evaluate(
        "async texts => { const { label } = await import('./text.js'); return texts.map(label); }",
        ["a\x00\x1b\n\x7f", "x\u202ey", HOSTILE["emoji"], "z" * 400],
    )

    assert ["a⟨U+0000⟩⟨U+001B⟩↵⟨U+007F⟩", "x⟨U+202E⟩y", HOSTILE["emoji"], "z" * 300 + "…"] == labels


def test_durations_are_read_and_written(open_page: OpenPage, empty: Collector) -> None:
    """Three digits of a duration are shown, and a number without a unit is milliseconds."""
    page = open_page(empty.url)
    script = "async ([us, texts]) => { const m = await import('./units.js'); return [us.map(m.duration), texts.map((t) => m.readDuration(t) ?? null)]; }"
    written = ["1 µs", "999 µs", "1.00 ms", "12.3 ms", "412 ms", "1.00 s", "59.9 s", "2 min 05 s", "2 h 00 min"]
    read = {"250": 250_000, "1.5s": 1_500_000, "80 us": 80, "2 m": 120_000_000, "0": None, "soon": None, "-1": None}

    assert [written, list(read.values())] == page.evaluate(
        script, [[1, 999, 1000, 12_345, 411_999, 999_960, 59_900_000, 125_000_000, 7_200_000_000], list(read)]
    )


ODD: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a parent that is missing": ([{"id": "2", "parentId": "1", "name": "a"}], ["a no parent"]),
    "two in a ring": (
        [{"id": "1", "parentId": "2", "name": "a"}, {"id": "2", "parentId": "1", "name": "b"}],
        ["a no parent", "b"],
    ),
    "its own parent": ([{"id": "1", "parentId": "1", "name": "a"}], ["a"]),
    "without timestamps": ([{"id": "1", "name": "a", "timestamp": 0, "duration": 0}], ["a"]),
    "a child without a timestamp": (
        [{"id": "1", "name": "a"}, {"id": "2", "parentId": "1", "name": "b", "timestamp": 0}],
        ["a", "b"],
    ),
    "two roots": ([{"id": "1", "name": "a"}, {"id": "2", "name": "b"}], ["a", "b"]),
    "without names": ([{"id": "1", "localEndpoint": None}], ["unnamed"]),
    "a span reported twice": ([{"id": "1", "name": "a"}, {"id": "1", "name": "a", "tags": {"k": "v"}}], ["a"]),
    "a server alone": ([{"id": "1", "parentId": "9", "shared": True, "kind": "SERVER", "name": "a"}], ["a no parent"]),
}


def test_an_odd_tree_is_shown_whole(open_page: OpenPage, empty: Collector) -> None:
    """Each span has a row, whatever its parents are."""
    whole = {"timestamp": 1_700_000_000_000_000, "duration": 5000, "localEndpoint": {"serviceName": "s"}}
    rows_of = "each => each.map(row => [...row.querySelectorAll('.operation, .note')].map(part => part.textContent).join(' '))"
    page = open_page(empty.url)
    for number, (name, (spans, expected)) in enumerate(ODD.items(), start=1):
        trace_id = f"{number:016x}"
        text = json.dumps([{**whole, "traceId": trace_id, **span} for span in spans])
        drop(page, text, f"{number}.json")
        expect(page.locator("#trace-pane .id")).to_have_text(trace_id)

        assert (name, expected) == (name, page.locator("#trace-pane .row").evaluate_all(rows_of))


def test_a_chain_of_20000_spans_is_shown(open_page: OpenPage, empty: Collector) -> None:
    """A chain of 20,000 spans is shown, because depth has no limit."""
    page = open_page(empty.url)
    chain = [
        {"traceId": "a", "id": str(at), **({"parentId": str(at - 1)} if at else {}), "timestamp": 10**15 + at}
        for at in range(20_000)
    ]
    drop(page, json.dumps(chain), "chain.json")
    expect(rows(page).first).to_be_visible(timeout=20_000)
    page.keyboard.press("+")
    page.locator("#trace-pane .rows").focus()
    page.keyboard.press("End")

    expect(rows(page).last).to_have_attribute("aria-level", "20000")
    assert 0 >= overflow(page)


def test_on_a_narrow_window_the_trace_takes_the_lists_place(open_page: OpenPage, shop: Collector) -> None:
    """At 400 pixels there is the list or the trace, a way back, and nothing wider than the window."""
    page = settled(open_page(shop.url, size=NARROW))
    assert 0 >= overflow(page)
    page.get_by_role("button", name="Filters").click()
    page.select_option("#service", "payment")
    expect(page.locator("#count")).to_contain_text("37 traces")
    assert 0 >= overflow(page)
    found(page).first.click()
    expect(page.locator("#list-pane")).to_be_hidden()
    rows(page).filter(has_text="post /charge").click()
    expect(panel(page).locator("h3")).to_be_in_viewport()
    assert 0 >= overflow(page)
    page.get_by_role("button", name="Back to the list").click()

    expect(page.locator("#list-pane")).to_be_visible()
    expect(page.locator("#trace-pane")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_services_differ_in_brightness(open_page: OpenPage, shop: Collector, scheme: str) -> None:
    """In light and dark, text has a contrast of at least 4.5 to 1, and no two services have the same brightness."""
    page = settled(open_page(shop.url, color_scheme=scheme))
    names = ["paper", "panel", "ink", "dim", "bad", "accent", *(f"c{number}" for number in range(10))]
    colours = page.evaluate(
        "names => names.map(name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim())", names
    )
    bright = dict(zip(names, map(_luminance, colours), strict=True))
    services = sorted(bright[f"c{number}"] for number in range(10))

    assert (scheme == "dark") == (bright["paper"] < bright["ink"])
    for text in ("ink", "dim", "bad", "accent"):
        for ground in ("paper", "panel"):
            assert 4.5 <= _contrast(bright[text], bright[ground]), (text, ground)
    assert min(later / one for one, later in pairwise(services)) > 1.05
    assert 3 < _contrast(services[0], services[-1])


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_the_policy_allows_the_pages_own_files_alone(shop: Collector) -> None:
    """Scripts and styles come from the origin; nothing is inline or from another host, and no frame may contain the page."""
    answer = requests.get(shop.url, timeout=10)

    assert (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'" == answer.headers["content-security-policy"]
    )
    assert not [word for word in ("http:", "https:", " style=", "onclick") if word in answer.text]


def test_without_javascript_a_line_says_what_is_needed(open_page: OpenPage, shop: Collector) -> None:
    """Without JavaScript a line in the page itself explains the need for it."""
    page = open_page(shop.url, java_script_enabled=False)

    expect(page.locator("noscript .needs")).to_be_visible()
    expect(page.locator("noscript .needs")).to_contain_text("This page needs JavaScript")


def test_the_page_works_behind_a_prefix(open_page: OpenPage, shop: Collector, chrome: Browser) -> None:
    """All addresses are relative, so a proxy may serve the page under any prefix."""
    context = chrome.new_context()
    page = context.new_page()
    page.route("**/*", lambda route: _forward(route, shop.url, "/tools/zipkin"))
    page.goto("http://proxy.test/tools/zipkin/")

    expect(found(page).first).to_be_visible()
    context.close()


def test_the_page_works_before_a_real_server(shop: Collector, zipkin: ZipkinServer, chrome: Browser) -> None:
    """The page uses only Zipkin's API, version 2, so it shows a real server's answers in the same way."""
    requests.post(f"{zipkin.url}/api/v2/spans", json=Shop(now_us()).declined(now_us() - 900_000), timeout=10).raise_for_status()
    context = chrome.new_context()
    page = context.new_page()
    page.route("**/api/v2/**", lambda route: _forward(route, zipkin.url, ""))
    page.goto(f"{shop.url}/#service=payment&errors=1&q=customer")
    page.goto(f"{shop.url}/#service=orders&errors=1&q=customer")

    found(page).filter(has_text="CardDeclined").first.wait_for()
    found(page).filter(has_text="CardDeclined").first.click()
    expect(rows(page).filter(has_text="ask the bank")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator(".graph .link").first).to_be_visible()
    context.close()


def _forward(route: Route, base: str, prefix: str) -> None:
    path = route.request.url.split("/", 3)[3]
    answer = requests.get(f"{base}/{path.removeprefix(prefix.lstrip('/')).lstrip('/')}", timeout=10)
    route.fulfill(
        status=answer.status_code,
        body=answer.content,
        headers={"Content-Type": answer.headers.get("content-type", "text/plain")},
    )


def test_100_traces_are_shown_in_300_ms(chrome: Browser, shop: Collector) -> None:
    """From the address to the list 300 ms pass, as the least of several loads; the test allows three times that."""
    figures = []
    began = time.monotonic()
    while (not figures or min(figures) > 300) and len(figures) < 12 and time.monotonic() - began < 20:
        context = chrome.new_context(viewport={"width": 1280, "height": 780})
        page = context.new_page()
        page.add_init_script(
            "new MutationObserver((_, observer) => { if (!document.querySelector('#list .found')) return;"
            " window.shownAt = performance.now(); observer.disconnect(); }).observe(document, { childList: true, subtree: true });"
        )
        page.goto(shop.url)
        figures.append(settled(page).evaluate("window.shownAt"))
        context.close()

    assert 900 > min(figures)
