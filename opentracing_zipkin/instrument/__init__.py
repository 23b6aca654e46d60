"""Instrumentation of libraries: servers and clients of HTTP, queues, logs and threads.

Rules: these modules know the `opentracing` API only, and the library they are for; each imports that library, so import the one
you need: `from opentracing_zipkin.instrument import flask; flask.install(app)`.  A module that is used without an import, as in
`opentracing_zipkin.instrument.flask.install(app)`, is imported at its first use.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the same name as in typing, whose import takes 15 ms
if TYPE_CHECKING:
    from typing import Any

    from . import (
        aiohttp as aiohttp,
        asgi as asgi,
        celery as celery,
        client as client,
        django as django,
        fastapi as fastapi,
        flask as flask,
        http as http,
        httpx as httpx,
        logging as logging,
        patching as patching,
        requests as requests,
        starlette as starlette,
        threads as threads,
        urllib as urllib,
        urllib3 as urllib3,
        urls as urls,
        wsgi as wsgi,
    )
else:  # so a type checker reports a name that is none of these

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return __import__(f"{__name__}.{name}", fromlist=[name])  # bundlers find the modules by registry.py
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_MODULES = {
    "aiohttp", "asgi", "celery", "client", "django", "fastapi", "flask", "http", "httpx", "logging", "patching", "requests",
    "starlette", "threads", "urllib", "urllib3", "urls", "wsgi",
}  # fmt: skip
