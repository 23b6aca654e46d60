"""The demo from the command line: start, ask, end, fetch, show.

Rules: exit status 0 only if every span of every request was found in the collector; what went wrong is one line on standard
error.  Nothing that was started here outlives the call.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import requests

from ..codec import ENCODINGS
from .failure import DemoFailed
from .processes import Services
from .query import ZipkinClient
from .trees import Json
from .visits import VISITS, Visit
from .waterfall import Style, render, style_of

__all__ = ["add_arguments", "run"]


class Answered(NamedTuple):
    """A visit and the trace that it left."""

    visit: Visit
    trace_id: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Three processes (frontend, orders, payment) talk HTTP with each other and report to a Zipkin\n"
        "collector; the traces are then read back from it.  In the repository, with the real server:\n\n"
        "  make zipkin                                 in one terminal\n"
        "  make demo ZIPKIN=http://127.0.0.1:9411      in another\n"
    )
    parser.add_argument("--endpoint", metavar="URL", help="a Zipkin server's base URL (default: an embedded collector)")
    parser.add_argument("--encoding", choices=ENCODINGS, default="json", help="how spans are sent (default: json)")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="also write the spans as JSON v2, which the Zipkin UI can load"
    )
    parser.add_argument("--keep", action="store_true", help="keep the embedded collector and its page until Ctrl-C")


def run(options: argparse.Namespace) -> int:
    """Run the demo; the exit status."""
    if options.keep and options.endpoint:
        print("demo: --keep is for the embedded collector; leave out --keep or --endpoint", file=sys.stderr)
        return 2
    try:
        with _endpoint(options.endpoint, options.encoding) as url, contextlib.closing(ZipkinClient(url)) as zipkin:
            _show(zipkin, options)
            if options.keep:
                _keep(zipkin.url)
    except (DemoFailed, ValueError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as a shell says it: 128 and the signal's number
    except BrokenPipeError:  # `demo | head`; the interpreter must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _keep(url: str) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        print(f"The collector shows its traces at {url}/ until Ctrl-C.", flush=True)
        threading.Event().wait()


@contextlib.contextmanager
def _endpoint(given: str | None, encoding: str) -> Iterator[str]:
    """The collector's URL: the given one, or that of an embedded collector that lives inside the block."""
    if given is not None:
        yield given
        return
    if encoding == "thrift" and find_spec("thriftpy2") is None:
        raise DemoFailed("the embedded collector reads Thrift with thriftpy2; install it with: pip install '.[thrift]'")
    from ..collector import Collector

    with Collector(host="127.0.0.1", port=0) as embedded:
        yield embedded.url


def _show(zipkin: ZipkinClient, options: argparse.Namespace) -> None:
    style = style_of(sys.stdout)
    zipkin.check()
    with Services(zipkin.url, options.encoding) as services:
        where = "embedded collector" if options.endpoint is None else "collector"
        _say(f"frontend, orders and payment run; their spans go to the {where} at {zipkin.url} as {options.encoding}", style)
        answered = [_ask(visit, services) for visit in VISITS]
    traces = [zipkin.trace(trace_id, visit.spans) for visit, trace_id in answered]
    for (visit, trace_id), spans in zip(answered, traces, strict=True):
        _print_trace(visit, trace_id, spans, style)
    _print_hints(zipkin.url, answered, options, style)
    if options.output:
        _write(options.output, list(chain.from_iterable(traces)))


def _ask(visit: Visit, services: Services) -> Answered:
    """Make the request; the trace's id comes back in the answer's headers."""
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
        raise DemoFailed(f"{visit.method} {visit.path} was not traced: the answer names no trace")
    return Answered(visit, trace_id)


def _print_trace(visit: Visit, trace_id: str, spans: list[Json], style: Style) -> None:
    _say("", style)
    status = style.paint("31" if visit.status >= 400 else "32", str(visit.status))
    title = style.paint("1", visit.title)
    _say(f"{title}: {visit.method} {visit.path} -> {status}   {len(spans)} spans, trace {trace_id}", style)
    for line in render(spans, style):
        _say(line, style)


def _print_hints(url: str, answered: list[Answered], options: argparse.Namespace, style: Style) -> None:
    """Where to look at the traces."""
    _say("", style)
    if options.endpoint or options.keep:
        page = f"{url}/zipkin/traces/" if options.endpoint else f"{url}/#"
        for visit, trace_id in answered:
            _say(f"{page}{trace_id}  {visit.title}", style)
    if not options.endpoint:
        if not options.keep:
            _say("In a browser: --keep (make demo DEMO=--keep) leaves the embedded collector and its page running.", style)
        _say(
            "With the real Zipkin server: `make zipkin` in one terminal, `make demo ZIPKIN=http://127.0.0.1:9411` in another;",
            style,
        )
        _say("each trace is then at http://127.0.0.1:9411/zipkin/traces/<trace id>.", style)


def _say(line: str, style: Style) -> None:
    """Print a line; what the terminal's encoding lacks becomes a question mark."""
    encoding = sys.stdout.encoding or "ascii"
    print(line if style.marks else line.encode(encoding, "replace").decode(encoding), flush=True)


def _write(path: Path, spans: list[Json]) -> None:
    try:
        path.write_text(json.dumps(spans, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DemoFailed(f"{path} cannot be written: {error.strerror}; give --output another place") from error
    print(f"wrote {path}", file=sys.stderr)
