"""The sub-commands of `opentracing-zipkin`: arguments to calls, nothing else.

Rules: one module a sub-command, each of the shape `Command`.  Every start of the program imports all of them, so each imports
what does its work within `run`.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Protocol

__all__ = ["Command"]


class Command(Protocol):
    """A sub-command; its module has this shape."""

    def add_arguments(self, parser: ArgumentParser, /) -> None:
        """Declare its options."""

    def run(self, options: Namespace, /) -> int:
        """Do the work; the exit status."""
