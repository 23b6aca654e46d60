"""One small application for each kind of server.

CONFIGURED names the place where it calls `configure`: import, start-up or nowhere.
"""

from __future__ import annotations

import os

from opentracing_zipkin import configure

__all__ = ["IMPORT", "NOWHERE", "PLACES", "START_UP", "configure_at"]

IMPORT = "import"
START_UP = "start-up"
NOWHERE = "nowhere"  # the same server without our tracer
PLACES = (IMPORT, START_UP, NOWHERE)


def configure_at(place: str) -> None:
    """Configure the tracer if this is the chosen place; applications call it at each of their places."""
    if os.environ["CONFIGURED"] == place:
        configure("served")
