"""`opentracing-zipkin collector`: the embedded collector, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, Namespace
from threading import Event

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Where it listens, and how much it keeps."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=9411, help="port to listen on, 0 for a free one (%(default)s)")
    parser.add_argument(
        "--max-spans", type=int, default=100_000, help="spans to keep; the oldest traces go first (%(default)s)"
    )


def run(options: Namespace) -> int:
    """Serve until a signal comes; 1 where it cannot listen."""
    from ..collector import Collector

    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with Collector(options.host, options.port, options.max_spans) as collector:
            print(f"collecting spans at {collector.url}, traces are shown there too; Ctrl-C stops", flush=True)
            stopped.wait()
    except (OSError, ValueError) as error:
        print(f"opentracing-zipkin collector: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 1
    return 0
