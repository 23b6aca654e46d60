"""The course of the demo: start the services, send requests, end the services, fetch the traces, show them.

Rules: if one span is not found in the collector, the demo fails.  Nothing that it started outlives the call.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import requests

from ..codec import json_v2
from ..collector import Collector
from ..drawing.waterfall import Style, render, style_of
from .failure import DemoFailed
from .processes import Services
from .query import ZipkinClient
from .visits import VISITS, Json, Visit

__all__ = ["run_demo"]


class TracedVisit(NamedTuple):
    """A visit and the trace that it caused."""

    visit: Visit
    trace_id: str


def run_demo(
    endpoint: str | None,
    encoding: str,
    *,
    output: Path | None = None,
    serve: bool = False,
    open_page: bool = False,
) -> None:
    """Make every visit and show its trace, which must be complete.

    `endpoint` is the server where spans are sent and read; None means an embedded collector, which with `serve` runs until
    Ctrl-C.  `open_page`: open the page in the browser.  `output`: a file for the spans as JSON v2.  Raises DemoFailed, and
    ValueError where `endpoint` is no URL.
    """
    style = style_of(sys.stdout)
    embedded = endpoint is None
    with _endpoint(endpoint, encoding) as url, contextlib.closing(ZipkinClient(url)) as zipkin:
        zipkin.check()
        where = f"{'embedded ' if embedded else ''}collector at {zipkin.url}"
        with Services(zipkin.endpoint, encoding) as services:
            _say(f"frontend, orders and payment run; their spans go to the {where} as {encoding}", style)
            answered = [_ask(visit, services) for visit in VISITS]
        traces = [zipkin.trace(trace_id, visit.spans) for visit, trace_id in answered]
        for (visit, trace_id), spans in zip(answered, traces, strict=True):
            _print_trace(visit, trace_id, spans, style)
        _print_hints(zipkin.url, answered, embedded, serve, style)
        if output:
            _write(output, list(chain.from_iterable(traces)))
        if serve:
            _serve(zipkin.url, open_page)


def _serve(url: str, open_page: bool) -> None:
    """Keep the collector running until Ctrl-C."""
    stopped = threading.Event()
    # Not KeyboardInterrupt, which is lost if it is raised while Python finalizes an object.
    former = signal.signal(signal.SIGINT, lambda *_: stopped.set())
    try:
        if open_page and not _open_browser(f"{url}/"):
            print(f"No browser could be opened; the page is at {url}/", file=sys.stderr, flush=True)
        print(f"The collector shows its traces at {url}/ until Ctrl-C.", flush=True)
        stopped.wait()
    finally:
        signal.signal(signal.SIGINT, former)


def _open_browser(url: str) -> bool:
    import webbrowser  # imported here, because it searches for browsers, and is rarely needed

    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False


@contextlib.contextmanager
def _endpoint(given: str | None, encoding: str) -> Iterator[str]:
    """The collector's URL: the given one, or that of an embedded collector that runs inside the block."""
    if given is not None:
        yield given
        return
    if encoding == "thrift" and find_spec("thriftpy2") is None:
        raise DemoFailed("the embedded collector reads Thrift with thriftpy2; install it with: pip install '.[collector]'")
    try:
        collector = Collector(host="127.0.0.1", port=0)
    except ImportError as error:
        raise DemoFailed(str(error)) from error
    with collector:
        yield collector.url


def _ask(visit: Visit, services: Services) -> TracedVisit:
    """Make the request; the headers of the answer contain the trace's id."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            url = services.addresses["frontend"] + visit.path
            response = session.request(visit.method, url, params=dict(visit.arguments), timeout=15)
    except requests.RequestException as error:
        services.check()
        raise DemoFailed(f"{visit.method} {visit.path} got no answer from frontend: {error}") from error
    if response.status_code != visit.status:
        services.check()
        raise DemoFailed(
            f"{visit.method} {visit.path} was answered {response.status_code}, not {visit.status}: {response.text}"
        )
    trace_id = response.headers.get("x-b3-traceid")
    if not trace_id:
        raise DemoFailed(f"{visit.method} {visit.path} was not traced: the answer has no trace id")
    return TracedVisit(visit, trace_id)


def _print_trace(visit: Visit, trace_id: str, spans: list[Json], style: Style) -> None:
    _say("", style)
    status = style.paint("31" if visit.status >= 400 else "32", str(visit.status))
    title = style.paint("1", visit.title)
    _say(f"{title}: {visit.method} {visit.path} -> {status}   {len(spans)} spans, trace {trace_id}", style)
    for line in render(json_v2.decode(json.dumps(spans).encode()), style):
        _say(line, style)


def _print_hints(url: str, answered: list[TracedVisit], embedded: bool, serve: bool, style: Style) -> None:
    """Print where the traces can be seen."""
    _say("", style)
    if serve or not embedded:
        page = f"{url}/#" if embedded else f"{url}/zipkin/traces/"
        for visit, trace_id in answered:
            _say(f"{page}{trace_id}  {visit.title}", style)
    if embedded and not serve:
        for line in _ELSEWHERE:
            _say(line, style)


_ELSEWHERE = (
    "In a browser: `opentracing-zipkin demo --open`, or `make demo DEMO=--open`.",
    "With the real Zipkin server: `make zipkin` in one terminal,",
    "`make demo ZIPKIN=http://127.0.0.1:9411` in another; each trace is then at",
    "http://127.0.0.1:9411/zipkin/traces/<trace id>.",
)


def _say(line: str, style: Style) -> None:
    """Print a line; a character that the terminal's encoding lacks becomes a question mark."""
    encoding = sys.stdout.encoding or "ascii"
    print(line if style.marks else line.encode(encoding, "replace").decode(encoding), flush=True)


def _write(path: Path, spans: list[Json]) -> None:
    try:
        path.write_text(json.dumps(spans, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DemoFailed(f"{path} cannot be written: {error.strerror}; give --output another file") from error
    print(f"wrote {path}", file=sys.stderr)
