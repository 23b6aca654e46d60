"""The command `opentracing-zipkin`, with one line for each sub-command; see `commands`."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from .commands import Command, collector, decode, demo, discard_output, doctor, is_of_output, run

__all__ = ["main"]

# Name, module, and the text for `--help`.
COMMANDS: tuple[tuple[str, Command, str], ...] = (
    ("run", run, "run a Python command with tracing, without changing its code"),
    ("demo", demo, "run an application of three services and show its traces"),
    ("collector", collector, "collect spans without a Zipkin server, and show their traces on a page"),
    ("doctor", doctor, "find out why no spans are seen: settings, network, collector, your service"),
    ("decode", decode, "show the spans in a file, or write them in another encoding"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command; returns the exit status."""
    _open_closed()
    parser = _parser()
    name = parser.prog
    try:
        try:
            options, unknown = parser.parse_known_args(arguments)
            name = options.parser.prog
            if unknown:  # the sub-command reports them, with its own usage
                options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
            status: int = options.run(options)
        finally:
            sys.stdout.flush()  # here, because an error of the interpreter's own flush is a traceback and status 120
    except KeyboardInterrupt:
        return 130  # the status of a shell: 128 plus the signal's number
    except OSError as error:
        if not is_of_output(error):
            raise
        discard_output()
        if not isinstance(error, BrokenPipeError):  # a reader may leave, as in `decode | head`
            print(f"{name}: standard output: {error.strerror}", file=sys.stderr)
        return 1
    return status


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="opentracing-zipkin", description="Zipkin tracing for Python.")
    parser.add_argument("--version", action="version", version=_version())
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in COMMANDS:
        subparser = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run, parser=subparser)
    return parser


def _open_closed() -> None:
    """Replace streams that a shell has closed (`>&-`) and that are None: reading gives nothing, and written text is lost."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # open as long as the process lives


def _version() -> str:
    try:
        return f"opentracing {version('opentracing')}"
    except PackageNotFoundError:  # run from a folder, without an installation
        return "opentracing, not installed"


if __name__ == "__main__":
    sys.exit(main())
