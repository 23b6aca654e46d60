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
    "INSTRUMENTOR_MODULE",
    "OPENTELEMETRY_MARK",
    "PACKAGES",
    "SDK_MODULE",
    "is_left_to_opentelemetry",
    "is_left_to_sdk",
    "log_unrecorded",
    "other_instrumentation",
    "set_recording_of_theirs",
    "stand_back",
    "stop_recording_of_theirs",
]

_OPENTELEMETRY = "opentelemetry.instrumentation"
_OTHER_NAMES = {"aiohttp": "aiohttp_client"}  # our name -> OpenTelemetry's, where they differ
INSTRUMENTOR_MODULE = f"{_OPENTELEMETRY}.instrumentor"  # each of OpenTelemetry's instrumentations loads it
SDK_MODULE = "opentelemetry.sdk.trace"  # a program that imports this sets its own tracer provider
OPENTELEMETRY_MARK = "_is_instrumented_by_opentelemetry"  # true on instrumentors that are on, and on instrumented applications

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

_logged: set[str] = set()  # the libraries, modules and applications that a line was logged about
_record_theirs: Callable[[], Callable[[], object]] | None = None  # set by `set_recording_of_theirs`
_undo_recording: Callable[[], object] | None = None  # the result of that function, once it was called


def other_instrumentation(library: str) -> str | None:
    """The other package that instruments `library`, which is a name of our registry; None where there is none."""
    for covering in _COVERED_BY.get(library, (library,)):
        name = f"{_OPENTELEMETRY}.{_OTHER_NAMES.get(covering, covering)}"
        if name in sys.modules and _is_active(sys.modules[name]):
            return name
        for package, of in PACKAGES.items():
            if of == covering and package in sys.modules:
                return package
    return None


def stand_back(library: str) -> str | None:
    """Return the same as `other_instrumentation`; where there is one, log once that ours is not installed beside it."""
    other = other_instrumentation(library)
    if other is not None:
        _log_standing_back(library, other)
        if other.startswith(_OPENTELEMETRY):
            _start_recording_of_theirs()
    return other


def is_left_to_opentelemetry(app: Any) -> bool:
    """Whether OpenTelemetry instruments this single application; logs once that ours stands back."""
    if not vars(app).get(OPENTELEMETRY_MARK):
        return False
    _log_standing_back("an application", _OPENTELEMETRY)
    _start_recording_of_theirs()
    return True


def set_recording_of_theirs(record: Callable[[], Callable[[], object]]) -> None:
    """Set the function that is called, once, when ours stands back for OpenTelemetry; it returns a function that undoes it."""
    global _record_theirs
    _record_theirs = record


def stop_recording_of_theirs() -> None:
    """Undo the call of the function that was set, because the program sets its own tracer provider."""
    global _undo_recording
    if _undo_recording is not None:
        undo, _undo_recording = _undo_recording, None
        undo()


def _start_recording_of_theirs() -> None:
    """Record the spans of OpenTelemetry's instrumentations by our tracer; without a tracer provider they would be lost."""
    global _undo_recording
    if _record_theirs is not None and _undo_recording is None and SDK_MODULE not in sys.modules:
        try:
            _undo_recording = _record_theirs()
        except Exception as fault:
            log_unrecorded(f"{type(fault).__name__}: {fault}")


def is_left_to_sdk() -> bool:
    """Whether the program uses OpenTelemetry's SDK, to which its instrumentations are then left; logs so once."""
    if SDK_MODULE not in sys.modules:
        return False
    _log_once(SDK_MODULE, "the program uses OpenTelemetry's SDK, so its instrumentations are left to the SDK")
    return True


def log_unrecorded(reason: str) -> None:
    """Log once why the spans of OpenTelemetry's instrumentations are not recorded."""
    _log_once(INSTRUMENTOR_MODULE, f"OpenTelemetry's spans are not recorded: {reason}")


def _log_standing_back(library: str, other: str) -> None:
    _log_once(library, f"{library} is instrumented by {other} already; this package does not instrument it")


def _log_once(about: str, text: str) -> None:
    if about not in _logged:
        _logged.add(about)
        import logging  # imported late, because a starting process must not load it before gevent has patched

        logging.getLogger("opentracing_zipkin").warning("zipkin: %s", text)


def _is_active(module: Any) -> bool:
    """Whether one of a module's instrumentors has been switched on; each instrumentor is a class with a single instance."""
    instances = (getattr(value, "_instance", None) for value in list(vars(module).values()) if isinstance(value, type))
    return any(getattr(instance, OPENTELEMETRY_MARK, False) is True for instance in instances)
