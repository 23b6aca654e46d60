"""The first entry of `X-Forwarded-For` counts only where it is an IP address."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.instrument.server import forwarded_address


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 , 198.51.100.3", "192.0.2.1"),
        ("192.0.2.1:443", "192.0.2.1:443"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        (None, ""),
        ("", ""),
        ("unknown", ""),
        ("cafe", ""),
        ("dead.beef", ""),
        ("999.0.2.1", ""),
        ("192.0.2.1:123456", ""),
        ("_hidden", ""),
        ("192.0.2.1\n", "192.0.2.1"),
        ("a" * 1_000_000, ""),
        (":" * 1_000_000, ""),
    ],
)
def test_only_an_address_is_taken(header: str | None, address: str) -> None:
    """A name is left out, because it would appear as a service in the dependency graph."""
    assert address == forwarded_address(header)


@given(st.text(alphabet="0123456789abcdef:.[], ", max_size=60))
def test_anything_may_stand_there(header: str) -> None:
    """No header value makes `forwarded_address` raise."""
    assert forwarded_address(header) in header
