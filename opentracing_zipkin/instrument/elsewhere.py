"""Whether somebody else instruments a library already: OpenTelemetry, or a package for OpenTracing.

Rules: imports none of them; looks at loaded modules only.  Two instrumentations of one library would give two spans a
request, and two sets of headers, so ours stands back; also where the other is of a library below (requests over urllib3).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in typing, which takes 15 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "BASE",
    "BY_OPENTELEMETRY",
    "PACKAGES",
    "SDK",
    "active_elsewhere",
    "is_left_to_sdk",
    "leave_theirs",
    "record_theirs_by",
    "stands_back",
    "stands_back_for",
]

_OPENTELEMETRY = "opentelemetry.instrumentation"
_OTHER_NAMES = {"aiohttp": "aiohttp_client"}  # by our names
BASE = f"{_OPENTELEMETRY}.instrumentor"  # loaded by each of them
SDK = "opentelemetry.sdk.trace"  # a program that imports this sets a provider of its own
BY_OPENTELEMETRY = "_is_instrumented_by_opentelemetry"  # true of its instrumentors and of single applications

# By whose instrumentation the requests of these are traced, too.
_COVERED_BY = {
    "fastapi": ("fastapi", "starlette"),
    "starlette": ("starlette", "fastapi"),
    "requests": ("requests", "urllib3"),
    # These make no spans.  Others' names for the ids of a log record are others, and a format that has ours would raise.
    "logging": (),
    "threads": (),
}

# These instrument as soon as they are used, which nothing shows; so they count when they are loaded.
PACKAGES = {
    "flask_opentracing": "flask",
    "django_opentracing": "django",
    "starlette_opentracing": "starlette",
    "requests_opentracing": "requests",
    "celery_opentracing": "celery",
}

_told: set[str] = set()
_recording: list[Callable[[], Callable[[], object]]] = []
_undoing: list[Callable[[], object]] = []


def active_elsewhere(library: str) -> str | None:
    """The other package that instruments `library`, a name of our table; None where there is none."""
    for covering in _COVERED_BY.get(library, (library,)):
        name = f"{_OPENTELEMETRY}.{_OTHER_NAMES.get(covering, covering)}"
        if name in sys.modules and _is_active(sys.modules[name]):
            return name
        for package, of in PACKAGES.items():
            if of == covering and package in sys.modules:
                return package
    return None


def stands_back(library: str) -> str | None:
    """The same as `active_elsewhere`, and says once that ours stands back."""
    other = active_elsewhere(library)
    if other is not None:
        _tell(library, other)
        if other.startswith(_OPENTELEMETRY):
            _record_theirs()
    return other


def stands_back_for(app: Any) -> bool:
    """Whether OpenTelemetry instruments an application by itself; says once that ours stands back."""
    if not vars(app).get(BY_OPENTELEMETRY):
        return False
    _tell("an application", _OPENTELEMETRY)
    _record_theirs()
    return True


def record_theirs_by(record: Callable[[], Callable[[], object]]) -> None:
    """Where ours stands back for one of OpenTelemetry's from now on, call this once; it gives what undoes it."""
    _recording[:] = [record]


def leave_theirs() -> None:
    """Undo that, because the program has a provider of its own."""
    while _undoing:
        _undoing.pop()()


def _record_theirs() -> None:
    """Without a provider nobody would have what OpenTelemetry's instrumentation makes in our place."""
    if _recording and not _undoing and SDK not in sys.modules:
        try:
            _undoing.append(_recording[0]())
        except Exception as fault:
            _say_once(BASE, f"the spans of OpenTelemetry's instrumentations are not recorded: {type(fault).__name__}: {fault}")


def is_left_to_sdk() -> bool:
    """Whether the program uses OpenTelemetry's SDK, which is given its instrumentations then; says so once."""
    if SDK not in sys.modules:
        return False
    _say_once(SDK, "the program uses OpenTelemetry's SDK, so its instrumentations are left to the SDK")
    return True


def _tell(library: str, other: str) -> None:
    _say_once(library, f"{library} is instrumented by {other} already; this package does not instrument it")


def _say_once(about: str, text: str) -> None:
    if about not in _told:
        _told.add(about)
        import logging  # here, because a process that starts must not load it before gevent has patched

        logging.getLogger("opentracing_zipkin").warning("zipkin: %s", text)


def _is_active(module: Any) -> bool:
    """Whether one of a module's instrumentors has been switched on: each is a class that has one instance."""
    instances = (getattr(value, "_instance", None) for value in list(vars(module).values()) if isinstance(value, type))
    return any(getattr(instance, BY_OPENTELEMETRY, False) is True for instance in instances)
