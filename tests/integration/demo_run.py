"""The demo as a user runs it, and its spans on a real server, read through the server's own API."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import requests

from opentracing_zipkin.demo.visits import VISITS

Json = dict[str, Any]

# "…, trace 57f857d055c770759ff4c9f20c3f4f07" at the end of a request's headline.
TRACE_ID = re.compile(r" -> \d{3}   \d+ spans, trace ([0-9a-f]{32})$", re.MULTILINE)


class DemoRun(NamedTuple):
    """A finished run; the mappings are by the visit's title, and differences are between before and after the run."""

    encoding: str
    status: int
    output: str
    errors: str
    trace_ids: Mapping[str, str]
    traces: Mapping[str, list[Json]]
    links: Mapping[tuple[str, str], tuple[int, int]]  # caller and called → calls and errors
    posts: Mapping[str, int]  # path → accepted POSTs
    written: Path  # by --output


def run_demo(url: str, encoding: str, folder: Path) -> DemoRun:
    """Run `python -m opentracing_zipkin demo` against a server and read back the server's spans."""
    written = folder / "traces.json"
    calls_before, errors_before, posts_before = *_links(url), _posts(url)
    done = subprocess.run(
        [sys.executable, "-m", "opentracing_zipkin", "demo", "--endpoint", url, "--encoding", encoding]
        + ["--output", str(written)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    trace_ids = dict(zip((visit.title for visit in VISITS), TRACE_ID.findall(done.stdout), strict=False))
    calls, errors = _links(url)
    calls.subtract(calls_before)
    errors.subtract(errors_before)
    posts = _posts(url)
    posts.subtract(posts_before)
    return DemoRun(
        encoding,
        done.returncode,
        done.stdout,
        done.stderr,
        trace_ids,
        {title: get(f"{url}/api/v2/trace/{trace_id}") for title, trace_id in trace_ids.items()},
        {link: (calls[link], errors[link]) for link in calls if calls[link]},
        {path: count for path, count in posts.items() if count},
        written,
    )


def get(url: str) -> Any:
    """A JSON answer of the server's API; raises if the answer is an error."""
    return _answer(url).json()


def _answer(url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(url, timeout=10)
    response.raise_for_status()
    return response


def _links(url: str) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Calls and errors between services, of the last hour."""
    links = get(f"{url}/api/v2/dependencies?endTs={int(time.time() * 1000)}&lookback=3600000")
    calls = Counter({(link["parent"], link["child"]): link["callCount"] for link in links})
    errors = Counter({(link["parent"], link["child"]): link.get("errorCount", 0) for link in links})
    return calls, errors


def _posts(url: str) -> Counter[str]:
    """The server's own count of the messages that it accepted."""
    counts = re.findall(
        r'^http_server_requests_seconds_count\{method="POST",status="202",uri="(/api/v[12]/spans)",?\} (\S+)$',
        _answer(f"{url}/prometheus").text,
        re.MULTILINE,
    )
    return Counter({path: int(float(count)) for path, count in counts})
