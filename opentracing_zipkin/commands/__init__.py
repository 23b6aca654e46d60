"""The sub-commands of `opentracing-zipkin`: each turns arguments into calls, and nothing else.

Rules: there is one module for each sub-command, in the shape of `Command`.  Every start of the program imports all of them.  So
each imports the modules for its work inside `run`.  A failure is one line on standard error, see `fail`.  Ctrl-C, a closed
pipe and a full disk under standard output are handled once, in `__main__`.
"""

from __future__ import annotations

import errno
import os
import sys
from argparse import ArgumentParser, Namespace
from typing import Protocol

from ..text import printable

__all__ = ["Command", "discard_output", "fail", "is_of_output"]

MAX_FAILURE_CHARS = 1000

_OF_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Command(Protocol):
    """The shape of a sub-command's module."""

    def add_arguments(self, parser: ArgumentParser, /) -> None:
        """Declare the options."""

    def run(self, options: Namespace, /) -> int:
        """Do the work; returns the exit status."""


def fail(command: str, reason: object, status: int) -> int:
    """Print the reason, which may contain a server's text, as one line on standard error; returns the exit status."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()
    print(f"opentracing-zipkin {command}: {printable(str(reason), MAX_FAILURE_CHARS)}", file=sys.stderr)
    return status


def is_of_output(error: OSError) -> bool:
    """Whether standard output can take no more: its reader has left, or its disk is full or broken."""
    return error.filename is None and error.errno in _OF_OUTPUT


def discard_output() -> None:
    """Replace standard output by the null device, so that the interpreter's last flush raises no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
