"""The variables of the machine on which the tests run, which must not decide what the tests see.

A variable of a CI server, of a terminal, of a web framework or of Python itself changes the output of the programs that
the tests start, and `OTEL_…` or `ZIPKIN_…` changes the tracers in them.  Proxies and certificates stay, because the
tests of real servers fetch these servers; `no_proxy` keeps the local servers out of the proxy.

A variable may also hide a fault: with PYTHONUNBUFFERED no flush at the interpreter's end can fail.
"""

from __future__ import annotations

import os

__all__ = ["forget_settings"]

# The variables that the Makefile and CONTRIBUTING.md give to the tests.
OF_THE_TESTS = ("ZIPKIN_CACHE", "ZIPKIN_PICTURES", "ZIPKIN_SCREENSHOT")

# These variables of Python do not change the output of a program.
OF_THE_ENVIRONMENT = ("PYTHONPATH", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONNOUSERSITE")

PREFIXES = (
    "ZIPKIN_", "OTEL_", "PYTHON", "AWS_LAMBDA_", "CELERY_", "DJANGO_", "EVENTLET_", "FLASK_", "GEVENT_", "GUNICORN_",
    "PYTEST_ADDOPTS", "UVICORN_", "WEB_CONCURRENCY",
)  # fmt: skip
# pytest does not shorten its summary if it finds one of the first two; the others set colours and the width of a terminal.
NAMES = ("CI", "BUILD_NUMBER", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PY_COLORS")


def forget_settings() -> None:
    """Unset each variable that configures a tracer, a terminal, a web server or Python, for this process and its children."""
    for name in list(os.environ):
        if (name in NAMES or name.startswith(PREFIXES)) and name not in OF_THE_TESTS + OF_THE_ENVIRONMENT:
            del os.environ[name]
    if any(name.lower().endswith("_proxy") for name in os.environ):
        for name in ("no_proxy", "NO_PROXY"):
            os.environ[name] = ",".join(filter(None, [os.environ.get(name), "localhost", "127.0.0.1", "::1"]))
