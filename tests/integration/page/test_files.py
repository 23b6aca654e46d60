"""A trace from a file that is opened or dropped."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import now_us
from .looks import drop, found, rows
from .shop import Shop


@pytest.fixture
def page(shop_page: Page) -> Page:
    return shop_page


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], Path]:
    """A function that writes a file with this text, or with this value's JSON."""

    def written(content: object) -> Path:
        path = tmp_path / "traces.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return written


TRACES = Shop(now_us()).traces(9)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TRACES, id="a list of traces"),
        pytest.param([span for spans in TRACES for span in spans], id="a list of spans"),
        pytest.param(gzip.compress(json.dumps(TRACES).encode()), id="gzip"),
        pytest.param(b"\n".join(json.dumps(span).encode() for spans in TRACES for span in spans), id="a span a line"),
    ],
)
def test_a_file_of_traces_is_listed(page: Page, write: Callable[[object], Path], content: object) -> None:
    """The traces of the file replace the list, can be narrowed like others, and give the list back."""
    page.set_input_files("#file", write(content))
    expect(page.locator("#count")).to_have_text("9 traces · 1 failed")
    page.check("#errors")
    expect(page.locator("#count")).to_have_text("1 trace · 1 failed")
    page.get_by_role("button", name="file traces.json").click()

    expect(page.locator("#count")).to_have_text("12 traces · 12 failed")


def test_a_file_of_one_trace_is_opened(page: Page, write: Callable[[object], Path]) -> None:
    """A single trace is shown at once, although no collector has it."""
    page.set_input_files("#file", write(TRACES[5]))

    expect(page.locator("#trace-pane h2")).to_have_text("gateway post /checkout")
    expect(rows(page)).to_have_count(6)


def test_a_file_can_be_dropped(page: Page) -> None:
    """A file can be dropped anywhere on the page."""
    drop(page, json.dumps(TRACES), "dropped.json")

    expect(found(page)).to_have_count(9)
    expect(page.locator("#chips")).to_have_text("file dropped.json \u00d7")


def test_after_a_reload_the_file_is_asked_for_again(page: Page, write: Callable[[object], Path]) -> None:
    """After a reload the page asks for the file, because it cannot read one by itself."""
    page.set_input_files("#file", write(TRACES))
    expect(page.locator("#count")).to_contain_text("9 traces")
    page.reload()

    expect(page.locator("#list-note")).to_contain_text("The file traces.json was open here")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "traces.json is no JSON"),
        (b"", "traces.json is no JSON"),
        (gzip.compress(b"[]", mtime=0)[:9], "traces.json is a damaged gzip file"),
        ({"resourceSpans": []}, "holds OpenTelemetry's JSON (OTLP); a list of spans in Zipkin's JSON (version 2) is expected"),
        ({"data": [{"traceID": "1"}]}, "holds Jaeger's JSON"),
        ({"traceId": "1", "id": "1"}, "holds one span outside a list"),
        (7, "holds a bare value"),
        ([], "holds no spans"),
        ([[], []], "holds no spans"),
        ([{"traceId": "1", "id": "1"}, {"id": "2"}], "span 2 has no traceId"),
        ([{"traceId": "1", "id": 5}], "span 1 has no id"),
        ([3], "span 1 is no object"),
        ([{"traceId": "1", "id": "1", "tags": []}], "span 1 has tags that are no object"),
        (
            [{"traceId": "1", "id": "1", "binaryAnnotations": []}],
            "span 1 is of Zipkin's version 1; convert it: opentracing-zipkin decode",
        ),
    ],
)
def test_a_wrong_file_is_answered_with_the_reason(
    page: Page, write: Callable[[object], Path], content: object, reason: str
) -> None:
    """One line names the error in the file, and the list stays."""
    page.set_input_files("#file", write(content))

    expect(page.locator("#toast")).to_contain_text(reason)
