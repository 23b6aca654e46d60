"""`opentracing-zipkin collector`: the embedded collector, until Ctrl-C or SIGTERM.

Rules: the exit status is 2 for a wrong option and 1 for any other failure.
"""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from contextlib import nullcontext
from threading import Event
from typing import TYPE_CHECKING, Any

from . import fail, is_of_output

if TYPE_CHECKING:
    from ..collector.stores import Store
    from ..drawing.printer import Printer

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the address, the limits of the store, and the access."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = (
        "It takes spans over HTTP, as a Zipkin server does, and shows their traces on a\n"
        "page at the same address.  On your own machine you need no option.\n\n"
        "  opentracing-zipkin collector\n"
        "      its page is at http://127.0.0.1:9411/\n"
        "  opentracing-zipkin collector --db traces.db --max-bytes 4GiB --max-age 2d\n"
        "      keeps traces in a file, for two days at most\n"
        "  opentracing-zipkin collector --host 0.0.0.0\n"
        "      for containers and other machines; anyone who reaches the port may read\n"
        "      and write traces\n"
        "  opentracing-zipkin collector --allow-origin http://localhost:3000\n"
        "      a web page of that origin may send spans\n"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", default="9411", help="port to listen on; 0 takes a free port (default: %(default)s)")
    parser.add_argument(
        "--max-bytes",
        metavar="SIZE",
        help="limit of the kept spans, at least 1MiB, such as 512MiB; the oldest traces are dropped first (default: 256MiB, "
        "with --db 1GiB)",
    )
    parser.add_argument(
        "--print", action="store_true", help="also draw each trace in this terminal, when no more of its spans come"
    )
    parser.add_argument(
        "--db", metavar="FILE", help="keep traces in this SQLite file; it is created if missing (default: in memory)"
    )
    parser.add_argument("--max-age", metavar="TIME", help="with --db: drop traces older than this, such as 12h (default: 7d)")
    parser.add_argument(
        "--allow-origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="allow web pages of this origin (http://localhost:3000, or * for all) to send and read spans; may be repeated",
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="also answer requests to this host name on a loopback address; * for all names; may be repeated",
    )
    parser.add_argument(
        "--autocomplete-keys",
        metavar="TAGS",
        default="",
        help="tags whose values a page may list, separated by commas, such as http.method,environment (default: none)",
    )
    parser.add_argument("--lens", metavar="JAR", help="show Zipkin's own page, from the jar of a Zipkin server, at /zipkin/")


def run(options: Namespace) -> int:
    """Serve until a signal comes."""
    from ..collector import Collector
    from ..collector.stores import StoreUnavailable

    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        store = _store(options)
        printer = _printer() if options.print else None
        try:
            collector = Collector(
                options.host,
                _port(options.port),
                store=store,
                allow_origins=options.allow_origin,
                allow_hosts=options.allow_host,
                autocomplete_keys=_keys(options),
                on_spans=None if printer is None else printer.add,
                lens=options.lens,
            )
            with collector, printer or nullcontext():
                print(f"collecting spans at {collector.url}, where their traces are shown, too; Ctrl-C stops it", flush=True)
                stopped.wait()
        finally:
            store.close()
    except ValueError as error:
        return fail("collector", error, 2)
    except (OSError, ImportError, StoreUnavailable) as error:
        if isinstance(error, OSError) and is_of_output(error):
            raise
        return fail("collector", _reason(error), 1)
    return 0


def _reason(error: Exception) -> object:
    """The reason of an error, with the file if there is one."""
    if not isinstance(error, OSError) or not error.strerror:
        return error
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def _printer() -> Printer:
    from ..drawing.printer import Printer

    return Printer(sys.stdout)


def _store(options: Namespace) -> Store:
    from ..collector.amounts import MIN_STORE_BYTES, read_age, read_bytes
    from ..collector.stores.memory import MemoryStore

    bounds: dict[str, Any] = {}
    if options.max_bytes is not None:
        bounds["max_bytes"] = read_bytes("--max-bytes", options.max_bytes, MIN_STORE_BYTES)
    if options.max_age is not None:
        if options.db is None:
            raise ValueError("--max-age needs --db FILE; leave it out, or give --db")
        bounds["max_age_s"] = read_age("--max-age", options.max_age)
    if options.db is None:
        return MemoryStore(**bounds, listed_tags=_keys(options))
    from ..collector.stores.sqlite import SqliteStore

    return SqliteStore(options.db, **bounds, listed_tags=_keys(options))


def _keys(options: Namespace) -> list[str]:
    return [key.strip() for key in options.autocomplete_keys.split(",") if key.strip()]


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ValueError(f"--port is {text[:40]!r}; give a whole number from 0 to 65535, 0 for a free port")
    return int(text)
