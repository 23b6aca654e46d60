"""OpenTelemetry's instrumentations on our provider: the spans of each, without loading its SDK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from .processes import PROJECT, redis_server

# library -> its expected spans: name, kind, remote service, parent, and some of the tags.
WORK = ("work", None, None, None, {})
ITEM = "/items/7"
EXPECTED: dict[str, list[tuple[str, str | None, str | None, str | None, dict[str, str]]]] = {
    "aiohttp": [("get", "CLIENT", "", "work", {"http.method": "GET", "http.status_code": "204"}), WORK],
    "celery": [
        ("apply_async/pack", "PRODUCER", "celery", "work", {"celery.action": "apply_async"}),
        ("run/pack", "CONSUMER", "celery", "apply_async/pack", {"celery.state": "SUCCESS"}),
        WORK,
    ],
    "django": [("get items/<int:number>", "SERVER", "", None, {"http.route": "items/<int:number>", "http.status_code": "200"})],
    "fastapi": [
        ("get /items/{number}", "SERVER", "", None, {"http.route": "/items/{number}", "http.status_code": "200"}),
        ("get /items/{number} http send", None, None, "get /items/{number}", {"asgi.event.type": "http.response.start"}),
        ("get /items/{number} http send", None, None, "get /items/{number}", {"asgi.event.type": "http.response.body"}),
    ],
    "flask": [("get /items/<number>", "SERVER", "", None, {"http.route": "/items/<number>", "http.target": ITEM})],
    "grpc": [
        ("/shop.items/get", "CLIENT", "shop.items", "work", {"rpc.service": "shop.Items"}),
        ("/shop.items/get", "SERVER", "", "work", {"rpc.service": "shop.Items", "rpc.grpc.status_code": "0"}),
        WORK,
    ],
    "httpx": [("get", "CLIENT", "", "work", {"http.status_code": "204"})] * 2 + [WORK],
    "jinja2": [("jinja2.compile", None, None, "work", {}), ("jinja2.render", None, None, "work", {}), WORK],
    "logging": [WORK],
    "redis": [("set", "CLIENT", "redis", "work", {"db.statement": "SET ? ?"}), WORK],
    "requests": [("get", "CLIENT", "", "work", {"http.status_code": "204"}), WORK],
    "sqlalchemy": [
        ("connect", "CLIENT", "sqlite", "work", {"db.system": "sqlite"}),
        ("select", "CLIENT", "sqlite", "work", {"db.statement": "SELECT 7 AS number"}),
        WORK,
    ],
    "sqlite3": [("select", "CLIENT", "sqlite", "work", {"db.statement": "SELECT 7"}), WORK],
    "starlette": [
        ("get /items/{number}", "SERVER", "", None, {"http.route": "/items/{number}"}),
        ("get /items/{number} http send", None, None, "get /items/{number}", {"asgi.event.type": "http.response.start"}),
        ("get /items/{number} http send", None, None, "get /items/{number}", {"asgi.event.type": "http.response.body"}),
    ],
    "threading": [("in a pool", None, None, "work", {}), ("in a thread", None, None, "work", {}), WORK],
    "tornado": [
        ("get", "CLIENT", "", "work", {"http.status_code": "200"}),
        ("get /items/{number}", None, None, "work", {"http.status_code": "200"}),
        WORK,
    ],
    "urllib": [("get", "CLIENT", "", "work", {"http.status_code": "204"}), WORK],
    "urllib3": [("get", "CLIENT", "", "work", {"http.status_code": "204"}), WORK],
    "wsgi": [("get /items/7", "SERVER", "", None, {"http.status_code": "200"})],
}


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.mark.parametrize("library", EXPECTED)
def test_a_library_on_our_provider(library: str, redis_port: int) -> None:
    """A library's spans are in the trace of the span around it, its requests carry that trace, and the SDK is not loaded."""
    expected = sorted(EXPECTED[library], key=lambda each: json.dumps(each[:4]))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.interop.apps.otel_libraries", library, str(len(expected))],
        cwd=PROJECT, env={**os.environ, "REDIS_PORT": str(redis_port)}, capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)

    assert [each[:4] for each in expected] == [tuple(each[:4]) for each in found["spans"]]
    for span, wanted in zip(found["spans"], expected, strict=True):
        assert wanted[4].items() <= span[4].items(), span
    assert (1, True, []) == (found["traces"], found["sent"], found["sdk"])
