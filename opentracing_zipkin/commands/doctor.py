"""`opentracing-zipkin doctor`: finds out why no spans are seen."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter

from . import fail

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the service to call, and the form of the report."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = (
        "It reads the environment as `configure()` and `run` do, tries to reach the\n"
        "collector, sends probe spans (of the service opentracing-zipkin-doctor) and\n"
        "looks for them.  The doctor does not see settings in code, which outrank the\n"
        "environment: set the same values in the environment.\n\n"
        "  ZIPKIN_ENDPOINT=http://zipkin:9411 opentracing-zipkin doctor\n"
        "  opentracing-zipkin doctor --url http://127.0.0.1:8000/buy/tea\n\n"
        "Exit status: 0 no fault was found (there may be warnings), 1 a fault was found,\n"
        "which explains missing spans, 2 the command was used wrongly.\n"
        "No credential is shown.\n"
        "docs/how-to/troubleshooting.md has every finding.\n"
    )
    parser.add_argument("--url", metavar="URL", help="URL of your service, which is called once by GET, with B3 headers")
    parser.add_argument(
        "--zipkin",
        metavar="URL",
        help="the Zipkin server that reads from the broker, if the endpoint is a broker (kafka://, amqp://); "
        "the doctor looks for the probes there",
    )
    parser.add_argument("--json", action="store_true", help="print settings, libraries and findings as one JSON object")


def run(options: Namespace) -> int:
    """Examine; returns 1 where a finding explains missing spans, and 2 for a wrong URL."""
    from ..doctor.output import examine
    from ..senders.url import check_url

    try:
        url = None if options.url is None else check_url("--url", options.url, "use a URL, for instance http://127.0.0.1:8000/")
        remedy = "use the server's URL, for instance http://zipkin:9411"
        server = None if options.zipkin is None else check_url("--zipkin", options.zipkin, remedy)
    except ValueError as error:
        return fail("doctor", error, 2)
    return examine(url, options.json, sys.stdout, server)
