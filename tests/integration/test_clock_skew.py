"""Two services whose clocks differ, each with its collector as a sidecar on localhost, as the real server's UI shows them.

Rules: each service runs in a network namespace of its own, which is what a host, or a pod, is to it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, Locator, Page, expect

from .server_process import PROJECT, program
from .zipkin_server import ZipkinServer

# Behind: the UI corrects no server that seems to begin after its client did, whatever the addresses are.
WRONG_S = -2.0
LINK = (
    "ip link set lo up; ip link add eth0 type veth peer name way-out; ip link set way-out up; ip link set eth0 up; "
    "ip address add {address} dev eth0 {nodad}; {route}"
)
DEFAULT_ROUTE = "ip {family} route add default via {gateway} dev eth0"

# By address; the gateway is that of its network, "" for a network without a way out.
Host = tuple[str, str]
ON_TWO_HOSTS: dict[str, tuple[Host, Host]] = {
    "IPv4": (("10.7.0.2/24", "10.7.0.1"), ("10.7.0.3/24", "10.7.0.1")),
    "IPv6": (("fd07::2/64", "fd07::1"), ("fd07::3/64", "fd07::1")),
    "without a default route": (("10.7.0.2/24", ""), ("10.7.0.3/24", "")),
}
ON_ONE: tuple[Host, Host] = (("10.7.0.2/24", "10.7.0.1"), ("10.7.0.2/24", "10.7.0.1"))


def run_on(host: Host, *arguments: str) -> Any:
    """What the service of these arguments writes, in a namespace that has this host's address and routes."""
    address, gateway = host
    family, nodad = ("-6", "nodad") if ":" in address else ("-4", "")
    route = DEFAULT_ROUTE.format(family=family, gateway=gateway) if gateway else "true"
    link = LINK.format(address=address, nodad=nodad, route=route)
    command = [program("unshare", "util-linux"), "--map-root-user", "--net", "sh", "-e", "-c"]
    service = [sys.executable, "-m", "tests.integration.apps.behind_a_sidecar", *arguments]
    program("ip", "iproute2")
    done = subprocess.run([*command, link + '; exec "$@"', "sh", *service], cwd=PROJECT, capture_output=True, text=True, timeout=60)  # fmt: skip

    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)


def report(zipkin: ZipkinServer, hosts: tuple[Host, Host]) -> str:
    """Let the one call the other, and the sidecars pass on what they have to the server; the trace's id."""
    now = str(time.time() - 60)
    called = run_on(hosts[0], "frontend", "0", now, "{}")
    answered = run_on(hosts[1], "orders", str(WRONG_S), now, json.dumps(called["headers"]))
    spans = called["spans"] + answered["spans"]
    requests.post(f"{zipkin.url}/api/v2/spans", json=spans, timeout=10).raise_for_status()

    assert [address.partition("/")[0] for address, _ in hosts] == [
        span["localEndpoint"].get("ipv4") or span["localEndpoint"].get("ipv6") for span in spans
    ]
    return str(spans[0]["traceId"])


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def duration(page: Page) -> Locator:
    """What stands behind the word in the page's head."""
    return page.get_by_text("Duration", exact=True).first.locator("xpath=following-sibling::*[1]")


@pytest.mark.parametrize("kind", ON_TWO_HOSTS)
def test_the_ui_corrects_clocks_of_hosts_with_sidecars(page: Page, zipkin: ZipkinServer, kind: str, tmp_path: Path) -> None:
    """Each span has its host's address, so that a call of 500 ms is shown as that, though the clocks differ by 2 s."""
    page.goto(f"{zipkin.url}/zipkin/traces/{report(zipkin, ON_TWO_HOSTS[kind])}")

    expect(duration(page)).to_have_text("500ms")
    for at in ("50ms", "450ms"):  # the server's start and end, since the client's start
        expect(page.get_by_text(at, exact=True)).to_be_in_viewport()
    page.screenshot(path=tmp_path / "trace.png")


def test_the_ui_corrects_no_clock_where_addresses_are_the_same(page: Page, zipkin: ZipkinServer) -> None:
    """So the test above proves something."""
    page.goto(f"{zipkin.url}/zipkin/traces/{report(zipkin, ON_ONE)}")

    expect(duration(page)).to_have_text("2.450s")
