"""The collector's API without a socket: from the parts of a request to an answer."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from http import HTTPStatus
from pathlib import Path

import pytest

import opentracing_zipkin
from opentracing_zipkin.codec import json_v1, json_v2, proto3, thrift_v1
from opentracing_zipkin.collector import message
from opentracing_zipkin.collector.api import Api
from opentracing_zipkin.collector.stores.memory import MemoryStore
from opentracing_zipkin.model import Endpoint, FinishedSpan

V1, V2 = "/api/v1/spans", "/api/v2/spans"
SPAN = FinishedSpan("a".zfill(16), "b".zfill(16), None, "SERVER", "get", 1000, 50, Endpoint("shop"))
JSON = json_v2.join([json_v2.encode(SPAN)])
PROTO3 = proto3.join([proto3.encode(SPAN)])


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(max_spans=10)


@pytest.fixture
def api(store: MemoryStore) -> Api:
    return Api(store)


@pytest.mark.parametrize(
    ("path", "media_type", "body"),
    [
        (V2, "application/json", JSON),
        (V2, "", JSON),
        (V2, "text/plain", JSON),
        (V2, "application/x-protobuf", PROTO3),
        (V1, "application/json", json_v1.join([json_v1.encode(SPAN)])),
        (V1, "application/x-thrift", thrift_v1.join([thrift_v1.encode(SPAN)])),
    ],
)
def test_a_message_is_read_by_its_media_type(api: Api, store: MemoryStore, path: str, media_type: str, body: bytes) -> None:
    """A message of an unknown or missing media type is read as JSON."""
    answer = api.answer("POST", path, {}, media_type, body)

    assert (HTTPStatus.ACCEPTED, b"") == (answer.status, answer.body)
    assert [SPAN] == store.trace(SPAN.trace_id)


@pytest.mark.parametrize(
    ("method", "path", "media_type", "body", "status", "reason"),
    [
        ("POST", V2, "", b"[{", HTTPStatus.BAD_REQUEST, b"malformed JSON"),
        ("POST", V1, "application/x-protobuf", PROTO3, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b"send application/json or"),
        ("POST", "/", "", JSON, HTTPStatus.NOT_FOUND, b"/ takes no spans; POST to /api/v2/spans or /api/v1/spans"),
        ("GET", "/nowhere", "", b"", HTTPStatus.NOT_FOUND, b"/nowhere not found"),
        ("GET", "/api/v2/trace/x", "", b"", HTTPStatus.BAD_REQUEST, b"lower-hex"),
        ("GET", "/api/v2/spans", "", b"", HTTPStatus.BAD_REQUEST, b"serviceName is missing"),
        ("PUT", V2, "", JSON, HTTPStatus.NOT_FOUND, b""),
    ],
)
def test_a_wrong_request_is_answered_with_the_reason(
    api: Api, store: MemoryStore, method: str, path: str, media_type: str, body: bytes, status: HTTPStatus, reason: bytes
) -> None:
    """No exception leaves the API, and no part of a refused message is kept."""
    answer = api.answer(method, path, {}, media_type, body)

    assert status == answer.status
    assert reason in answer.body
    assert [] == store.traces()


def test_a_format_whose_library_is_missing_is_an_unsupported_type(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format whose library is missing is answered 415 with what to install."""

    def decode(body: bytes) -> list[FinishedSpan]:
        raise ImportError("reading Thrift needs thriftpy2")

    monkeypatch.setitem(message.READERS[V1], thrift_v1.media_type, decode)
    answer = api.answer("POST", V1, {}, thrift_v1.media_type)

    assert (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b"reading Thrift needs thriftpy2") == (answer.status, answer.body)


def test_the_ways_of_a_real_server_lead_to_the_page(api: Api) -> None:
    """A real server's path `/zipkin/`, with or without a trace's id, redirects to the page."""
    answers = [api.answer("GET", path, {}) for path in ("/zipkin/", "/zipkin/traces/a")]

    assert [(HTTPStatus.FOUND, "/"), (HTTPStatus.FOUND, "/#000000000000000a")] == [
        (answer.status, dict(answer.headers)["Location"]) for answer in answers
    ]


def test_the_page_is_found_in_a_zip_file(api: Api, tmp_path: Path) -> None:
    """The page is the same if the package is imported from a zip file."""
    package = Path(opentracing_zipkin.__file__).parent
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
        for path in package.rglob("*"):
            archive.write(path, path.relative_to(package.parent))
    code = (
        "import sys; from opentracing_zipkin.collector.api import Api; from opentracing_zipkin.collector.stores.memory import MemoryStore\n"
        "sys.stdout.buffer.write(Api(MemoryStore()).answer('GET', '/', {}).body)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packages.zip")}
    printed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, timeout=30)

    assert b"" == printed.stderr
    assert api.answer("GET", "/", {}).body == printed.stdout
