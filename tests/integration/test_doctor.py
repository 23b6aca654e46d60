"""The doctor and the real server: a server without faults, one that keeps a part, and one that joins ids of both lengths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from opentracing_zipkin.codec import ENCODINGS

from ..opentracing_zipkin.doctor.servers import service
from .zipkin_server import ZipkinServer


def doctor(endpoint: str, *arguments: str, **settings: str) -> tuple[int, dict[str, str]]:
    """The exit status, and for each finding after the configuration its code and text."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("ZIPKIN_", "OTEL_"))}
    environment = {**kept, "ZIPKIN_SERVICE_NAME": "shop", "ZIPKIN_ENDPOINT": endpoint, **settings}
    command = [sys.executable, "-m", "opentracing_zipkin", "doctor", "--json", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)

    assert "" == done.stderr
    checks = ("answer", "clock", "query", "ids", "service", "broker")
    findings = json.loads(done.stdout)["findings"]
    for one in findings:
        one["code"] = one["code"].replace("slow", "accepted")  # the same result, on a busy machine
    return done.returncode, {one["code"]: f"{one['text']}\n{one['remedy']}" for one in findings if one["check"] in checks}


@pytest.fixture(scope="module")
def keeping_a_part() -> Iterator[ZipkinServer]:
    """A server that keeps 10 %, and treats ids of both lengths as one."""
    with ZipkinServer(settings={"COLLECTOR_SAMPLE_RATE": "0.1", "STRICT_TRACE_ID": "false"}) as server:
        yield server


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_all_is_well_with_a_server_as_it_comes(zipkin: ZipkinServer, encoding: str) -> None:
    """The server accepts and shows the probes in each encoding; it is strict, so 64-bit ids give a warning."""
    bits, code = ("64", "ids-short") if encoding == "thrift" else ("128", "ids-apart")
    status, found = doctor(zipkin.url, ZIPKIN_ENCODING=encoding, ZIPKIN_TRACE_ID_BITS=bits)

    assert (0, ["clock-agrees", "accepted", "found", code]) == (status, list(found))


def test_a_path_of_the_ui_is_answered_with_the_right_one(zipkin: ZipkinServer) -> None:
    """For a path of the UI the doctor names the right address, which it has tried."""
    status, found = doctor(f"{zipkin.url}/zipkin/traces")

    assert 1 == status
    assert f"set ZIPKIN_ENDPOINT={zipkin.url}/api/v2/spans" in found["right-path"]


@pytest.mark.parametrize(("shares", "code"), [(True, "shared"), (False, "child")])
def test_a_service_that_is_traced_is_found(zipkin: ZipkinServer, shares: bool, code: str) -> None:
    """The service is found by the trace of the call, and the finding tells whether it shares the span id."""
    with service(zipkin.url, shared_spans=shares) as shop:
        status, found = doctor(zipkin.url, "--url", shop.url)

    assert 0 == status
    assert "arrived as shop" in found[code]


def test_a_service_that_distrusts_its_callers_is_found(zipkin: ZipkinServer) -> None:
    """The service is found by the tag that has its caller's trace id."""
    with service(zipkin.url, trust_incoming=False) as shop:
        _, found = doctor(zipkin.url, "--url", shop.url)

    assert "shop has begun a trace of its own" in found["distrustful"]


def test_a_server_that_keeps_a_part_is_found_with_its_share(keeping_a_part: ZipkinServer) -> None:
    """The server shows two of twenty; ids of both lengths are one trace, because it is not strict."""
    status, found = doctor(keeping_a_part.url)

    assert (1, ["clock-agrees", "accepted", "keeps-a-part", "ids-together"]) == (status, list(found))
    assert "shows only 2 of 20 traces, about 10 %" in found["keeps-a-part"]
