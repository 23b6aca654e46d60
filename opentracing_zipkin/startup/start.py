"""The start of an interpreter below `opentracing-zipkin run`.

Rules: this file imports only modules that an interpreter imports itself: none of ssl, threading, socket, logging, signal, so
that gevent patches an untouched process.  So it only sets hooks.  `configure` runs when the program has imported `opentracing`
or a library that is instrumented, and no import is in progress.  After a fault of ours, one line is written to standard error
and the program runs untraced.
"""

from __future__ import annotations

import os
import sys

from ..instrument import by_opentelemetry
from ..instrument.hooks import after_imports, when_imported, write_stderr
from ..instrument.registry import add_opentelemetry, chosen_by, install, is_instrumenting
from . import SWITCH, WITH_PYTEST

TYPE_CHECKING = False  # the same name as in typing, whose import takes 15 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import Any

__all__ = ["start"]

# Every program uses these, a server even before it forks; so their import does not show that it is time to configure.
_IN_EVERY_PROGRAM = ("logging", "threads")

_is_started = False
_waits_for_gevent = False


def start() -> None:
    """Prepare the tracing that the environment asks for; only the first call in a process has an effect."""
    global _is_started
    switch = os.environ.get(SWITCH)
    if not switch or _is_started:
        return
    _is_started = True
    try:
        if switch != WITH_PYTEST and _is_pytest(sys.orig_argv):
            del os.environ[SWITCH]  # also for the processes that the tests start
            return
        add_opentelemetry(by_opentelemetry.find(_use_opentelemetry), _use_opentelemetry)
        names = _chosen(os.environ.get("ZIPKIN_INSTRUMENT", ""))
        when_imported("opentracing", _on_api_import)
        install(names, _on_attempt)
    except Exception as fault:
        kind = "" if isinstance(fault, ValueError) else f"{type(fault).__name__}: "
        write_stderr(f"opentracing-zipkin run: {kind}{fault}; the program runs untraced")


def _is_pytest(command: Sequence[str]) -> bool:
    """Whether the command is `pytest` or `python -m pytest`, with any options of the interpreter."""
    words = iter(command[1:])
    for word in words:
        if word in ("-X", "-W", "--check-hash-based-pycs"):
            next(words, None)
        elif word in ("-m", "-c"):
            return word == "-m" and next(words, None) == "pytest"
        elif not word.startswith("-"):
            return os.path.basename(word) in ("pytest", "py.test")
    return False


def _chosen(text: str) -> tuple[str, ...]:
    """The names in ZIPKIN_INSTRUMENT, read as `settings` reads them; all instrumentations where it is empty."""
    text = text.strip()
    if text.lower() in ("", "true", "1", "yes", "on"):
        return chosen_by(True, by_opentelemetry.disabled_names(os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")))
    if text.lower() in ("false", "0", "no", "off"):
        return ()
    try:
        return chosen_by(word for word in map(str.strip, text.split(",")) if word)
    except ValueError as error:
        raise ValueError(f"environment variable ZIPKIN_INSTRUMENT {error}") from None


# `settings` has the same function; but `settings` may not be loaded before the program configures.
def _use_opentelemetry() -> Callable[[], None]:
    from ..otel.installing import install_provisionally, undo_provisional_install

    install_provisionally()
    return undo_provisional_install


# The moment when configure runs


def _on_attempt(name: str) -> None:
    if name not in _IN_EVERY_PROGRAM:
        after_imports(_configure_soon)


def _on_api_import() -> None:
    """Called after `opentracing` was imported, by the program or by one of our own modules."""
    from . import pending

    pending.stand_in()
    if not is_instrumenting():
        after_imports(_configure_soon)


def _configure_soon() -> None:
    """Configure now, or after gevent has patched, or when the program first uses the tracer."""
    if "gevent.monkey" in sys.modules and not _has_patched(sys.modules["gevent.monkey"]):
        _wait_for_gevent()
    else:
        _configure()


def _configure() -> None:
    # A program without a service name in its environment may give it in its own `configure`, and a program that has imported
    # `configure` is about to call it.  In both cases we wait until the tracer is used.
    if _has_name() and "opentracing_zipkin.settings" not in sys.modules:
        import opentracing  # noqa: F401  # first, because at its end `_on_api_import` is called, which needs a complete `pending`

        from . import pending

        pending.stand_in()
        pending.resolve()


def _has_name() -> bool:
    return any(os.environ.get(name) for name in ("ZIPKIN_SERVICE_NAME", "OTEL_SERVICE_NAME")) or (
        "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    )


def _has_patched(monkey: Any) -> bool:
    """Whether gevent has patched, and is not patching at this moment."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "gevent.monkey":
            return False
        frame = frame.f_back
    return any(monkey.is_module_patched(name) for name in ("threading", "socket"))


def _wait_for_gevent() -> None:
    """Configure after gevent has patched: locks that were made before would block its hub."""
    global _waits_for_gevent
    if not _waits_for_gevent:
        # `patch_all` imports this module, too.
        from gevent.events import subscribers  # type: ignore[import-untyped, unused-ignore]

        _waits_for_gevent = True
        subscribers.append(_on_gevent_event)


def _on_gevent_event(event: object) -> None:
    if type(event).__name__ == "GeventDidPatchAllEvent":
        after_imports(_configure)
