"""The start and the end of an application.

Rules: the first line of standard output is the port.  The application ends when its standard input ends, so that it does not
outlive the process that started it.  The environment configures the tracer, as in a deployment.
"""

from __future__ import annotations

import sys

__all__ = ["serve_until_told"]


def serve_until_told(port: int) -> None:
    """Print the port at which the application listens, and wait until it is told to end."""
    print(port, flush=True)
    sys.stdin.read()
