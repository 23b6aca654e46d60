"""Whether the version of `opentelemetry-api` that is installed is new enough.

Rules: imports nothing that an old one may not have.
"""

from __future__ import annotations

import re

from opentelemetry import version

__all__ = ["OLDEST", "problem", "too_old"]

OLDEST = (1, 38)  # of opentelemetry-api, that the tests run with


def problem() -> str:
    """Why it cannot be used, and the remedy; "" where it can."""
    found = version.__version__
    return f"opentelemetry-api {found} is too old; install {OLDEST[0]}.{OLDEST[1]} or newer" if too_old(found) else ""


def too_old(found: str) -> bool:
    """Whether a version is below the oldest that is supported; one that cannot be read is not."""
    parts = re.match(r"(\d+)\.(\d+)", found)
    return parts is not None and (int(parts[1]), int(parts[2])) < OLDEST
