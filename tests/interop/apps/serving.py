"""How an application begins and ends.

Rules: the first line of standard output is the port; the end of standard input ends the application, so that none outlives
whoever started it.  The tracer is configured by the environment, as a deployment would do it.
"""

from __future__ import annotations

import sys

__all__ = ["serve_until_told"]


def serve_until_told(port: int) -> None:
    """Say where the application listens, and wait for the word to end."""
    print(port, flush=True)
    sys.stdin.read()
