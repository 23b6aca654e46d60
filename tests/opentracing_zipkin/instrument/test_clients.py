"""The kit for HTTP clients, over all that are instrumented."""

from __future__ import annotations

from typing import Any

import httpx
import requests

from opentracing_zipkin.instrument import httpx as traced_httpx, requests as traced_requests
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
