"""`opentracing-zipkin demo`: an application of three services, and its traces in the terminal."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from ..codec import ENCODINGS
from . import fail

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the collector, the encoding, and the output."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = (
        "Three processes (frontend, orders, payment) call each other by HTTP and report\n"
        "to a Zipkin collector; the traces are then read back from it.\n\n"
        "  opentracing-zipkin demo --open\n"
        "      shows the traces in the browser, too\n\n"
        "In the repository, with the real server:\n\n"
        "  make zipkin                                 in one terminal\n"
        "  make demo ZIPKIN=http://127.0.0.1:9411      in another\n"
    )
    parser.add_argument("--endpoint", metavar="URL", help="a Zipkin server's base URL (default: an embedded collector)")
    parser.add_argument("--encoding", choices=ENCODINGS, default="json", help="how spans are sent (default: json)")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="also write the spans as JSON v2, which the Zipkin UI can load"
    )
    parser.add_argument(
        "--serve", "--keep", action="store_true", help="keep the embedded collector and its page running until Ctrl-C"
    )
    parser.add_argument("--open", action="store_true", help="like --serve, and open the page in the browser")


def run(options: Namespace) -> int:
    """Run the demo; returns 0 only if every span of every request was found, and 2 for options that exclude each other."""
    from ..demo.failure import DemoFailed
    from ..demo.runner import run_demo

    if (options.serve or options.open) and options.endpoint:
        option = "--open" if options.open else "--serve"
        return fail("demo", f"{option} is for the embedded collector; leave out {option} or --endpoint", 2)
    try:
        run_demo(
            options.endpoint,
            options.encoding,
            output=options.output,
            serve=options.serve or options.open,
            open_page=options.open,
        )
    except (DemoFailed, ValueError) as error:
        return fail("demo", error, 1)
    return 0
