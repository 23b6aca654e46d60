"""Whether another package instruments a library already: OpenTelemetry, or a package for OpenTracing.

Rules: imports none of these packages; looks at loaded modules only.  Two instrumentations of one library would give each
request two spans and two sets of headers, so ours stands back: it does nothing.  It stands back also where the other package
instruments a library below (requests over urllib3).
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
_OTHER_NAMES = {"aiohttp": "aiohttp_client"}  # our name -> OpenTelemetry's, where they differ
BASE = f"{_OPENTELEMETRY}.instrumentor"  # each of OpenTelemetry's instrumentations loads it
SDK = "opentelemetry.sdk.trace"  # a program that imports this sets its own tracer provider
BY_OPENTELEMETRY = "_is_instrumented_by_opentelemetry"  # true on instrumentors that are on, and on instrumented applications

# For each library, the libraries whose instrumentation traces its requests; a library that is not here has only its own.
_COVERED_BY = {
    "fastapi": ("fastapi", "starlette"),
    "starlette": ("starlette", "fastapi"),
    "requests": ("requests", "urllib3"),
    # These make no spans.  Other packages give a log record's ids other names, and a format with our names would raise.
    "logging": (),
    "threads": (),
}

# These packages instrument when they are used, which cannot be seen; so they count as active as soon as they are loaded.
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
    """The other package that instruments `library`, which is a name of our registry; None where there is none."""
    for covering in _COVERED_BY.get(library, (library,)):
        name = f"{_OPENTELEMETRY}.{_OTHER_NAMES.get(covering, covering)}"
        if name in sys.modules and _is_active(sys.modules[name]):
            return name
        for package, of in PACKAGES.items():
            if of == covering and package in sys.modules:
                return package
    return None


def stands_back(library: str) -> str | None:
    """Return the same as `active_elsewhere`, and log once that ours stands back."""
    other = active_elsewhere(library)
    if other is not None:
        _tell(library, other)
        if other.startswith(_OPENTELEMETRY):
            _record_theirs()
    return other


def stands_back_for(app: Any) -> bool:
    """Whether OpenTelemetry instruments this single application; logs once that ours stands back."""
    if not vars(app).get(BY_OPENTELEMETRY):
        return False
    _tell("an application", _OPENTELEMETRY)
    _record_theirs()
    return True


def record_theirs_by(record: Callable[[], Callable[[], object]]) -> None:
    """Set the function that is called, once, when ours stands back for OpenTelemetry; it returns a function that undoes it."""
    _recording[:] = [record]


def leave_theirs() -> None:
    """Undo the call of the function from `record_theirs_by`, because the program sets its own tracer provider."""
    while _undoing:
        _undoing.pop()()


def _record_theirs() -> None:
    """Record the spans of OpenTelemetry's instrumentations by our tracer; without a tracer provider they would be lost."""
    if _recording and not _undoing and SDK not in sys.modules:
        try:
            _undoing.append(_recording[0]())
        except Exception as fault:
            _say_once(BASE, f"the spans of OpenTelemetry's instrumentations are not recorded: {type(fault).__name__}: {fault}")


def is_left_to_sdk() -> bool:
    """Whether the program uses OpenTelemetry's SDK, to which its instrumentations are then left; logs so once."""
    if SDK not in sys.modules:
        return False
    _say_once(SDK, "the program uses OpenTelemetry's SDK, so its instrumentations are left to the SDK")
    return True


def _tell(library: str, other: str) -> None:
    _say_once(library, f"{library} is instrumented by {other} already; this package does not instrument it")


def _say_once(about: str, text: str) -> None:
    if about not in _told:
        _told.add(about)
        import logging  # imported late, because a starting process must not load it before gevent has patched

        logging.getLogger("opentracing_zipkin").warning("zipkin: %s", text)


def _is_active(module: Any) -> bool:
    """Whether one of a module's instrumentors has been switched on; each instrumentor is a class with a single instance."""
    instances = (getattr(value, "_instance", None) for value in list(vars(module).values()) if isinstance(value, type))
    return any(getattr(instance, BY_OPENTELEMETRY, False) is True for instance in instances)
