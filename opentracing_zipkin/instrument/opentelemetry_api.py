"""Whether the installed version of `opentelemetry-api` is new enough: decided here for our bridge, `run --list` and the doctor.

Rules: this file imports no name that an old version may lack, and nothing of OpenTelemetry before it is asked.
"""

from __future__ import annotations

__all__ = ["MIN_VERSION", "is_too_old", "version_problem"]

MIN_VERSION = (1, 38)  # the oldest version of opentelemetry-api that the tests run with


def version_problem() -> str:
    """The reason why the installed version cannot be used, and the remedy; "" if it can be used, or none is installed."""
    try:
        from opentelemetry import version
    except ImportError:
        return ""
    found = version.__version__
    major, minor = MIN_VERSION
    return f"opentelemetry-api {found} is too old; install {major}.{minor} or newer" if is_too_old(found) else ""


def is_too_old(found: str) -> bool:
    """Whether a version is below the oldest supported one; False for a version that cannot be read."""
    import re  # here, because an interpreter below `run` imports this file at its start

    parts = re.match(r"(\d+)\.(\d+)", found)
    return parts is not None and (int(parts[1]), int(parts[2])) < MIN_VERSION
