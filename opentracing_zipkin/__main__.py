"""The command `opentracing-zipkin`: the demo, and the embedded collector."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; the exit status."""
    from . import demo
    from .collector import __main__ as collector

    parser = argparse.ArgumentParser(prog="opentracing-zipkin", description="Zipkin tracing for Python.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module, text in (
        ("demo", demo, "run an application of three services and show its traces"),
        ("collector", collector, "run the embedded Zipkin-compatible collector, in memory"),
    ):
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


def _version() -> str:
    try:
        return f"opentracing {version('opentracing')}"
    except PackageNotFoundError:  # run from a folder, without an installation
        return "opentracing, not installed"


if __name__ == "__main__":
    sys.exit(main())
