"""The local address: the source address of the route to the collector."""

from __future__ import annotations

import json
import socket
from ipaddress import ip_address, ip_network
from typing import Any
from unittest.mock import MagicMock

import pytest

from opentracing_zipkin import Endpoint, ZipkinTracer
from opentracing_zipkin.process import local_address
from opentracing_zipkin.senders.endpoint import route_of
from opentracing_zipkin.testing import FakeSender

NAMED = Endpoint("service", "", "", 80)


class Kernel:
    """Routes, as `network: source`, and names, as `name: address`, in place of this machine's; counts the look-ups."""

    def __init__(self, routes: dict[str, str], names: dict[str, str] | None = None) -> None:
        self._routes = sorted(
            ((ip_network(network), source) for network, source in routes.items()), key=lambda route: -route[0].prefixlen
        )
        self._names = {"localhost": "127.0.0.1", **(names or {})}
        self.looked_up: list[str] = []

    def source(self, target: str) -> str:
        """The source of the route with the longest prefix; in a network of this machine it is the address itself."""
        address: Any = ip_address(target)
        address = getattr(address, "ipv4_mapped", None) or address
        for network, source in self._routes:
            if address in network:
                return source
        raise OSError("Network is unreachable")

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.looked_up.append(host)
        if host not in self._names:
            raise socket.gaierror("Name or service not known")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", (self._names[host], port))]

    def replace(self, monkeypatch: pytest.MonkeyPatch) -> Kernel:
        """Let the module ask this kernel instead of the real one."""
        kernel = self

        class Probe:
            def __init__(self, *_: Any) -> None:
                self._source = ""

            def __enter__(self) -> Probe:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def setsockopt(self, *_: Any) -> None:
                pass

            def connect(self, address: tuple[Any, ...]) -> None:
                zone = f"%{address[3]}" if len(address) > 2 else ""
                self._source = kernel.source(address[0]) + zone

            def getsockname(self) -> tuple[str, int]:
                return self._source, 1

        monkeypatch.setattr(socket, "socket", Probe)
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
        return self


LO = {"127.0.0.0/8": "127.0.0.1", "::1": "::1"}
V4 = {**LO, "0.0.0.0/0": "10.1.0.7", "10.1.0.7": "10.1.0.7", "172.17.0.1": "172.17.0.1", "10.9.0.0/16": "10.9.0.3"}
V6 = {**LO, "::/0": "2001:db9::7", "2001:db9::7": "2001:db9::7"}
BOTH = {**V4, **V6, "0.0.0.0": "127.0.0.1", "::": "::1"}
ISLAND = {**LO, "10.5.0.0/24": "10.5.0.2", "224.0.0.0/4": "10.5.0.2", "fe80::/10": "fe80::7"}  # no way out

HERE = ["localhost", "127.0.0.1", "127.0.0.53", "127.0.1.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "LOCALHOST", "ip6-localhost", "sidecar", "127.1"]  # fmt: skip
ADDRESSES = [
    *[(BOTH, host, "10.1.0.7") for host in [*HERE, "0.0.0.0", "[::]"]],
    *[(V6, host, "2001:db9::7") for host in HERE],
    *[(ISLAND, host, "10.5.0.2") for host in HERE],
    *[(LO, host, "127.0.0.1") for host in HERE if host in ("localhost", "LOCALHOST") or host.startswith("127.0")],
    # This host's own address, even one that its neighbours have, too, such as that of a bridge to its containers.
    *[(V4, host, "10.1.0.7") for host in ("10.1.0.7", "172.17.0.1")],
    (V6, "[2001:db9::7]", "2001:db9::7"),
    ({**LO, "172.17.0.1": "172.17.0.1"}, "172.17.0.1", "172.17.0.1"),
    # Another host, on another route than the default one, or with a name.
    (V4, "10.9.0.200", "10.9.0.3"),
    (V4, "8.8.8.8", "10.1.0.7"),
    (BOTH, "[2001:db9::99]", "2001:db9::7"),
    (BOTH, "[::ffff:8.8.8.8]", "10.1.0.7"),
    (BOTH, "zipkin.example", "10.1.0.7"),
    (V6, "zipkin.example", "2001:db9::7"),
    (V6, "10.0.0.1", "2001:db9::7"),
    (ISLAND, "zipkin.example", "10.5.0.2"),
    (ISLAND, "unknown.example", "10.5.0.2"),
    ({**LO, "10.5.0.0/24": "10.5.0.2"}, "zipkin.example", "10.5.0.2"),
    ({**LO, "fe80::/10": "fe80::7"}, "[fe80::1%25eth0]", "fe80::7"),
    ({**LO, "fe80::/10": "fe80::7"}, "[fe80::1%eth0]", "fe80::7"),
    ({**LO, "::/0": "fe80::7"}, "localhost", "fe80::7"),
    ({**LO, "224.0.0.0/4": "0.0.0.0"}, "localhost", "127.0.0.1"),  # interfaces without addresses
    ({**LO, "::/0": "::"}, "localhost", "127.0.0.1"),
    ({}, "localhost", ""),
    ({}, "10.0.0.1", ""),
]


@pytest.mark.parametrize(("routes", "host", "expected"), ADDRESSES)
def test_the_address_is_that_of_the_route_out_of_this_host(
    monkeypatch: pytest.MonkeyPatch, routes: dict[str, str], host: str, expected: str
) -> None:
    """The address comes from the route to the collector; for a collector on this machine, from the default route.

    The loopback address is the last choice.
    """
    names = {"zipkin.example": "10.5.0.9", "LOCALHOST": "127.0.0.1", "ip6-localhost": "127.0.1.1", "sidecar": "127.0.1.1"}
    Kernel(routes, names).replace(monkeypatch)
    ipv4, ipv6 = ("", expected) if ":" in expected else (expected, "")

    assert Endpoint("service", ipv4, ipv6, 80) == local_address.with_address(f"http://{host}:9411", NAMED)


def test_a_name_is_looked_up_only_where_no_route_leads_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up only if no route leads out, because DNS may be the broken part."""
    for routes, looked_up in ((V4, []), (V6, []), (BOTH, []), (ISLAND, ["zipkin.example"])):
        kernel = Kernel(routes).replace(monkeypatch)
        local_address.with_address("http://zipkin.example:9411", NAMED)

        assert looked_up == kernel.looked_up


def test_without_any_route_only_the_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a route the endpoint has only its name; nothing raises, whatever replaces sockets."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("blocked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for stand_in in (refuse, MagicMock()):
        monkeypatch.setattr(socket, "socket", stand_in)
        for host in ("127.0.0.1", "zipkin.example", "[::1]", "[fe80::1%none]"):
            assert NAMED == local_address.with_address(f"http://{host}", NAMED)


def test_a_host_with_a_way_out_is_never_the_loopback() -> None:
    """A host with a way out never reports the loopback address; this is tested on the real machine."""
    outside = local_address.with_address("http://192.0.2.1", NAMED)
    if not outside.ipv4:
        pytest.skip("this machine has no way out")
    for host in ("localhost", "127.0.0.1", "[::1]", "127.0.0.53", outside.ipv4):
        assert outside.ipv4 == local_address.with_address(f"http://{host}:9411", NAMED).ipv4


def test_the_address_is_found_on_the_reporters_thread_before_the_first_span_is_sent() -> None:
    """The reporter's thread finds the address before it sends the first span; the caller does not wait for it."""
    found = local_address.with_address("http://localhost:9411", NAMED)
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender)

    assert Endpoint("service") == tracer._local
    tracer.start_trace("x").finish()
    assert True is tracer.flush(5)
    [span] = json.loads(sender.bodies[0])
    assert (found.ipv4, found.ipv6) == (span["localEndpoint"].get("ipv4", ""), span["localEndpoint"].get("ipv6", ""))


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("kafka://10.2.0.1:9092,10.3.0.1:9092/zipkin", "10.2.9.9"),
        ("amqp://10.3.0.1:5672/shop?queue=zipkin", "10.3.9.9"),
        ("console:", "192.168.1.2"),
    ],
)
def test_the_way_to_a_broker_counts_and_for_the_console_that_to_anywhere(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, expected: str
) -> None:
    """With several brokers the route to the first counts; for the console no name is looked up."""
    kernel = Kernel({"10.2.0.0/16": "10.2.9.9", "10.3.0.0/16": "10.3.9.9", "0.0.0.0/0": "192.168.1.2"}).replace(monkeypatch)

    assert NAMED._replace(ipv4=expected) == local_address.with_address(route_of(endpoint), NAMED)
    assert [] == kernel.looked_up


def test_without_any_route_and_any_url_only_the_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a route the console's endpoint has only its name, and no name is looked up."""
    kernel = Kernel({}).replace(monkeypatch)

    assert NAMED == local_address.with_address(route_of("console:"), NAMED)
    assert [] == kernel.looked_up


def test_a_given_address_is_kept() -> None:
    """`local_ip`, even for IPv6, is used in canonical spelling."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, local_ip="2001:DB8::1")
    tracer.start_trace("x").finish()

    assert True is tracer.flush(5)
    assert b'"ipv6":"2001:db8::1"' in sender.bodies[0]


def test_nothing_the_reporters_own_thread_does_is_traced() -> None:
    """An instrumented HTTP client does not trace our own POST, which would otherwise go on for ever."""
    seen = []

    class Tracing(FakeSender):
        def send(self, body: bytes, /) -> None:
            with tracer.start_active_span("post") as scope:
                seen.append(scope.span.context.sampled)
            super().send(body)

    sender = Tracing()
    tracer = ZipkinTracer("service", sender=sender)
    tracer.start_trace("x").finish()

    assert True is tracer.flush(5)
    assert [False] == seen
