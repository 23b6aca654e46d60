"""URLs are split into an address and a path for spans."""

from __future__ import annotations

import pytest

from opentracing_zipkin.instrument.urls import address_and_path

CASES = {
    "http://shop:8080/a/b?c=d#e": ("shop:8080", "/a/b"),
    "https://shop/a#e?f": ("shop", "/a"),
    "http://user:hunter2@shop:8080/a": ("shop:8080", "/a"),
    "http://us@er:hunter2@shop/a/b@c": ("shop", "/a/b@c"),
    "http://shop": ("shop", "/"),
    "http://shop?a=/b": ("shop", "/"),
    "http://shop#a/b": ("shop", "/"),
    "http://shop/": ("shop", "/"),
    "http://[::1]:80/a": ("[::1]:80", "/a"),
    "http+unix://%2Fvar%2Frun.sock/info": ("%2Fvar%2Frun.sock", "/info"),
    "HTTP://Shop/a?b": ("Shop", "/a"),
    "http://shop//a//b?c": ("shop", "//a//b"),
    "http://b\u00fccher.example/\u00fc": ("b\u00fccher.example", "/\u00fc"),
    "no url": ("", "/"),
    "": ("", "/"),
    "http:/a/b/c": ("", "/"),
}


@pytest.mark.parametrize("url", CASES)
def test_a_url_gives_its_address_and_path(url: str) -> None:
    """A URL gives its address and path, without user, query and fragment; an empty path is a slash."""
    assert CASES[url] == address_and_path(url)
