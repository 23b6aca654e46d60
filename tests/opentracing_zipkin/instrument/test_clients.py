"""The behaviour kit of HTTP clients, on all clients that we instrument."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import aiohttp
import httpx
import requests
import urllib3

from opentracing_zipkin.instrument import (
    aiohttp as traced_aiohttp,
    httpx as traced_httpx,
    requests as traced_requests,
    urllib as traced_urllib,
    urllib3 as traced_urllib3,
)
from opentracing_zipkin.testing import HttpClientKit


class TestRequests(HttpClientKit):
    instrumentation = traced_requests

    def request(self, method: str, url: str, headers: Any = None, body: Any = None) -> int:
        return requests.request(method, url, headers=headers, data=body, timeout=10).status_code


class TestHttpx(HttpClientKit):
    instrumentation = traced_httpx

    def request(self, method: str, url: str, headers: Any = None, body: Any = None) -> int:
        with httpx.Client(follow_redirects=True, verify=False) as client:
            return client.request(method, url, headers=headers, content=body, timeout=10).status_code


class TestAsyncHttpx(HttpClientKit):
    instrumentation = traced_httpx

    async def request_async(self, method: str, url: str, headers: Any = None, body: Any = None) -> int:
        async with httpx.AsyncClient(follow_redirects=True, verify=False) as client:
            return (await client.request(method, url, headers=headers, content=body, timeout=10)).status_code


class TestUrllib3(HttpClientKit):
    instrumentation = traced_urllib3

    def request(self, method: str, url: str, headers: Any = None, body: Any = None) -> int:
        with urllib3.PoolManager(timeout=10, retries=urllib3.Retry(connect=0)) as pools:
            return pools.request(method, url, headers=headers, body=body).status


class TestUrllib3Pool(HttpClientKit):
    """A pool without a manager, which follows redirects itself, and an answer that is streamed."""

    instrumentation = traced_urllib3

    def request(self, method: str, url: str, headers: Any = None, body: Any = None) -> int:
        with urllib3.connection_from_url(url, timeout=10, retries=urllib3.Retry(connect=0)) as pool:
            target = "/" + url.split("/", 3)[3] if url.count("/") > 2 else urllib3.util.parse_url(url).request_uri
            response = pool.request(method, target, headers=headers, body=body, preload_content=False)
            response.read()
            return response.status


class TestUrllib(HttpClientKit):
    instrumentation = traced_urllib

    def request(self, method: str, url: str, headers: Any = None, body: Any = None) -> int:
        request = urllib.request.Request(url, body, headers or {}, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            response.read()
            return int(response.status)


class TestAiohttp(HttpClientKit):
    instrumentation = traced_aiohttp

    async def request_async(self, method: str, url: str, headers: Any = None, body: Any = None) -> int:
        async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers, data=body) as response:
            await response.read()
            return response.status


class TestRequestsOverUrllib3(TestRequests):
    """Where requests and urllib3 are both traced, requests makes the span."""

    class instrumentation:  # noqa: N801
        @staticmethod
        def install(policy: Any = None) -> None:
            traced_urllib3.install(policy)
            traced_requests.install(policy)

        @staticmethod
        def uninstall() -> None:
            traced_urllib3.uninstall()
            traced_requests.uninstall()
