"""The local address: where the route to the collector leaves from."""

from __future__ import annotations

import socket

import pytest

from opentracing_zipkin import Endpoint, ZipkinTracer
from opentracing_zipkin.process import local_address
from opentracing_zipkin.testing import FakeSender

NAMED = Endpoint("service", "", "", 80)


@pytest.mark.parametrize(
    ("url", "ipv4", "ipv6"),
    [
        ("http://127.0.0.1:9411", "127.0.0.1", ""),
        ("http://localhost:9411", "127.0.0.1", ""),
        ("http://127.9.9.9", "127.0.0.1", ""),
    ],
)
def test_a_collector_on_this_host_is_reached_from_the_loopback(url: str, ipv4: str, ipv6: str) -> None:
    """The port is kept."""

    assert Endpoint("service", ipv4, ipv6, 80) == local_address.towards(url, NAMED)


def test_without_a_route_only_the_name_is_known() -> None:
    """Nothing raises."""

    assert NAMED == local_address.towards("http://255.255.255.255", NAMED)


def test_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS may be what is broken; and Debian's 127.0.1.1 comes from there."""

    def refuse(*_: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "gethostbyname", refuse)
    found = local_address.towards("http://zipkin.example:9411", NAMED)

    assert "127.0.1.1" != found.ipv4
    assert "service" == found.service_name


def test_the_address_is_found_on_the_reporters_thread_before_the_first_span_is_sent() -> None:
    """Not by the caller."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender)

    assert Endpoint("service") == tracer._local
    tracer.start_trace("x").finish()
    assert True is tracer.flush(5)
    assert b'"localEndpoint":{"serviceName":"service","ipv4":"127.0.0.1"}' in sender.bodies[0]


def test_a_given_address_is_kept() -> None:
    """`local_ip`, IPv6 too, in canonical spelling."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, local_ip="2001:DB8::1")
    tracer.start_trace("x").finish()

    assert True is tracer.flush(5)
    assert b'"ipv6":"2001:db8::1"' in sender.bodies[0]


def test_nothing_the_reporters_own_thread_does_is_traced() -> None:
    """An instrumented HTTP client would otherwise trace our own POST, for ever."""
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
