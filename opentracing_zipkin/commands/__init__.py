"""The sub-commands of `opentracing-zipkin`: each turns arguments into calls, and nothing else.

Rules: there is one module for each sub-command, in the shape of `Command`.  Every start of the program imports all of them.  So
each imports the modules for its work inside `run`.  A failure is one line on standard error, see `fail`.  Ctrl-C and a closed
pipe are handled once, in `__main__`.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Protocol

from ..text import printable

__all__ = ["Command", "fail"]

MAX_FAILURE_CHARS = 1000


class Command(Protocol):
    """The shape of a sub-command's module."""

    def add_arguments(self, parser: ArgumentParser, /) -> None:
        """Declare the options."""

    def run(self, options: Namespace, /) -> int:
        """Do the work; returns the exit status."""


def fail(command: str, reason: object, status: int) -> int:
    """Print the reason, which may contain a server's text, as one line on standard error; returns the exit status."""
    sys.stdout.flush()
    print(f"opentracing-zipkin {command}: {printable(str(reason), MAX_FAILURE_CHARS)}", file=sys.stderr)
    return status
