"""The kit for HTTP clients, over all that are instrumented."""

from __future__ import annotations

from typing import Any

import requests

from opentracing_zipkin.instrument import requests as traced_requests
from opentracing_zipkin.testing import HttpClientKit


class TestRequests(HttpClientKit):
    instrumentation = traced_requests

    def request(self, method: str, url: str, headers: Any = None, body: Any = None) -> int:
        return requests.request(method, url, headers=headers, data=body, timeout=10).status_code
