"""The sub-commands of `opentracing-zipkin`: each turns arguments into calls, and nothing else.

Rules: there is one module for each sub-command, in the shape of `Command`.  Every start of the program imports all of them.  So
each imports the modules for its work inside `run`.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Protocol

__all__ = ["Command"]


class Command(Protocol):
    """The shape of a sub-command's module."""

    def add_arguments(self, parser: ArgumentParser, /) -> None:
        """Declare the options."""

    def run(self, options: Namespace, /) -> int:
        """Do the work; returns the exit status."""
