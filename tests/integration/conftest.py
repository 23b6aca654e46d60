"""Fixtures of the integration tests: one real server and its API, one demo run for each encoding, one real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from opentracing_zipkin.codec import ENCODINGS

from . import chromium
from .broker_tracing import balances
from .demo_run import DemoRun, run_demo
from .kafka_topics import KafkaBroker
from .rabbitmq_queues import RabbitmqBroker
from .spans_api import SpansApi
from .zipkin_server import ZipkinServer

FOLDER = Path(__file__).parent
# So wide that a README scales the picture little, and so high that the failing span's tags are all in it.
VIEWPORT = {"width": 1280, "height": 780}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshot", metavar="PATH", help="keep the picture of the failing trace in the Zipkin UI here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The limit is for a test alone: the first test's fixtures may have to fetch a server and a browser, with their own limits.
    for item in items:
        if item.path.parent in (FOLDER, FOLDER / "faults"):
            item.add_marker(pytest.mark.timeout(120, func_only=True))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = list(balances())
    if lines:
        terminalreporter.section("the tracers' balance at real brokers")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def zipkin() -> Iterator[ZipkinServer]:
    """A real Zipkin server that is empty at the session's start."""
    with ZipkinServer() as server:
        yield server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A real Kafka; each test has its own topic."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        broker.add_users()
        yield broker


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqBroker]:
    """A real RabbitMQ; each test has its own queue."""
    with RabbitmqBroker(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker


@pytest.fixture(scope="session")
def reading_zipkin(kafka: KafkaBroker, rabbitmq: RabbitmqBroker) -> Iterator[ZipkinServer]:
    """A real Zipkin server that takes spans from both brokers: from the topic and the queue `zipkin`, as it does by itself."""
    kafka.make_topic("zipkin")
    with ZipkinServer(settings={**kafka.zipkin_settings, **rabbitmq.zipkin_settings}) as server:
        yield server


@pytest.fixture(scope="module")
def api(zipkin: ZipkinServer) -> Iterator[SpansApi]:
    """The real server's API, over a connection of the module's own."""
    spans_api = SpansApi(zipkin.url)
    yield spans_api
    spans_api.close()


@pytest.fixture(scope="session", params=ENCODINGS)
def demo(request: pytest.FixtureRequest, zipkin: ZipkinServer, tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """The demo, run against the real server once in each encoding."""
    return run_demo(zipkin.url, request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of browsers; a process can have only one."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A real browser."""
    context = playwright.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("chromium"),
        executable_path=chromium.executable(),
        headless=True,
        args=list(chromium.ARGUMENTS),
        viewport=VIEWPORT,  # type: ignore[arg-type]  # a TypedDict, spelled as a plain one
    )
    yield context
    context.close()


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """A new page; the test fails if a script of the page throws, or if a request of the page fails."""
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"{request.url}: {request.failure}"))
    yield page
    page.close()

    # A request is aborted if it was still under way when the test went to another page.
    assert [] == [fault for fault in faults if "ERR_ABORTED" not in fault]


@pytest.fixture
def screenshot(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The file for the picture: `--screenshot PATH`, ZIPKIN_SCREENSHOT, or one in a temporary folder."""
    return Path(request.config.getoption("--screenshot") or os.environ.get("ZIPKIN_SCREENSHOT") or tmp_path / "trace.png")
