"""The libraries that we instrument: for each, the import that shows that a program uses it, and our module for it.

Rules: imports no library; a library is instrumented when the program imports it, or at once if it is imported already.  Our
instrumentation stands back where another one is active, or becomes active later.
"""

from __future__ import annotations

import sys

from .hooks import after_imports, when_imported
from .other_instrumentations import (
    INSTRUMENTOR_MODULE,
    PACKAGES,
    SDK_MODULE,
    is_left_to_sdk,
    log_unrecorded,
    set_recording_of_theirs,
    stand_back,
    stop_recording_of_theirs,
)

TYPE_CHECKING = False  # as in typing, which takes 15 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import ModuleType
    from typing import Any

__all__ = [
    "BY_DEFAULT",
    "LIBRARIES",
    "NAMES",
    "Library",
    "add_opentelemetry",
    "chosen_by",
    "install",
    "is_instrumenting",
    "libraries",
    "state",
    "uninstall",
]


class Library:
    """A library that can be instrumented.

    `trigger`: the module whose import shows that the library is used; usually a top-level package, because that is complete
    when its import ends.  `distribution`: the distribution on PyPI that contains it, None for the standard library.  `load`:
    returns our module.  `by_default`: whether `instrument=True` includes it.
    `is_late`: instrument it when no import is in progress, because our module needs modules that may be half imported.
    `instrumented_by`: the distribution of OpenTelemetry's instrumentation, None where the instrumentation is ours.
    `problem`: returns the reason why that instrumentation cannot be used, "" where it can.
    `oldest`: the oldest version that `make test-old-libraries` tests; older ones are instrumented as far as that works.
    """

    __slots__ = ("by_default", "distribution", "instrumented_by", "is_late", "load", "name", "oldest", "problem", "trigger")

    def __init__(
        self,
        name: str,
        trigger: str,
        distribution: str | None,
        load: Callable[[], Any],
        by_default: bool = True,
        is_late: bool = False,
        instrumented_by: str | None = None,
        problem: Callable[[], str] = str,
        oldest: str | None = None,
    ) -> None:
        self.name = name
        self.trigger = trigger
        self.distribution = distribution
        self.load = load
        self.by_default = by_default
        self.is_late = is_late
        self.instrumented_by = instrumented_by
        self.problem = problem
        self.oldest = oldest


# These are import statements, because bundlers do not find a module whose name is made at run time.


def _flask() -> ModuleType:
    from . import flask

    return flask


def _django() -> ModuleType:
    from . import django  # type: ignore[attr-defined, unused-ignore]

    return django  # type: ignore[no-any-return, unused-ignore]


def _fastapi() -> ModuleType:
    from . import fastapi  # type: ignore[attr-defined, unused-ignore]

    return fastapi  # type: ignore[no-any-return, unused-ignore]


def _starlette() -> ModuleType:
    from . import starlette  # type: ignore[attr-defined, unused-ignore]

    return starlette  # type: ignore[no-any-return, unused-ignore]


def _requests() -> ModuleType:
    from . import requests

    return requests


def _httpx() -> ModuleType:
    from . import httpx  # type: ignore[attr-defined, unused-ignore]

    return httpx  # type: ignore[no-any-return, unused-ignore]


def _urllib3() -> ModuleType:
    from . import urllib3

    return urllib3


def _urllib() -> ModuleType:
    from . import urllib  # type: ignore[attr-defined, unused-ignore]

    return urllib  # type: ignore[no-any-return, unused-ignore]


def _aiohttp() -> ModuleType:
    from . import aiohttp  # type: ignore[attr-defined, unused-ignore]

    return aiohttp  # type: ignore[no-any-return, unused-ignore]


def _celery() -> ModuleType:
    from . import celery  # type: ignore[attr-defined, unused-ignore]

    return celery  # type: ignore[no-any-return, unused-ignore]


def _logging() -> ModuleType:
    from . import logging  # type: ignore[attr-defined, unused-ignore]

    return logging  # type: ignore[no-any-return, unused-ignore]


def _threads() -> ModuleType:
    from . import threads  # type: ignore[attr-defined, unused-ignore]

    return threads  # type: ignore[no-any-return, unused-ignore]


LIBRARIES: Mapping[str, Library] = {
    library.name: library
    for library in (
        Library("flask", "flask", "flask", _flask, oldest="2.0"),
        Library("django", "django", "django", _django, oldest="3.2"),
        Library("fastapi", "fastapi", "fastapi", _fastapi, oldest="0.106"),
        Library("starlette", "starlette", "starlette", _starlette, oldest="0.29"),
        Library("requests", "requests", "requests", _requests, oldest="2.28"),
        Library("httpx", "httpx", "httpx", _httpx, oldest="0.23"),
        Library("urllib3", "urllib3", "urllib3", _urllib3, oldest="1.26"),
        Library("urllib", "urllib.request", None, _urllib),
        Library("aiohttp", "aiohttp", "aiohttp", _aiohttp, oldest="3.8"),
        # The trigger is not `celery`: celery's command imports that package, lets gevent patch, and then imports the rest.
        Library("celery", "celery.app", "celery", _celery, oldest="5.0"),
        Library("logging", "logging", None, _logging),
        # Our module needs concurrent.futures, which imports logging, which imports threading: so it is late.
        Library("threads", "threading", None, _threads, by_default=False, is_late=True),
    )
}
NAMES = tuple(LIBRARIES)
BY_DEFAULT = tuple(name for name, library in LIBRARIES.items() if library.by_default)

_LEFT_TO_SDK = "left to OpenTelemetry's SDK"
_of_opentelemetry: dict[str, Library] = {}  # the libraries with an instrumentation of OpenTelemetry

_states: dict[str, str] = {}  # for each chosen library: "instrumented", or the reason why it is not
_modules: dict[str, Any] = {}  # for each instrumented library: our module or OpenTelemetry's instrumentation
_observers: list[Callable[[str], object]] = []
_loading: list[str] = []  # the libraries whose module is being imported or installed now; one may need another
_is_watching = False  # whether we wait for instrumentations of others


def add_opentelemetry(libraries: Iterable[Library], record: Callable[[], Callable[[], object]]) -> None:
    """Offer instrumentations of OpenTelemetry beside ours, from now on.

    `record` makes our tracer record the spans of instrumentations that the program switches on itself; it returns a function
    that undoes this.
    """
    set_recording_of_theirs(record)
    for library in libraries:
        if library.name not in LIBRARIES:
            _of_opentelemetry.setdefault(library.name, library)


def libraries() -> dict[str, Library]:
    """All libraries by name; those with our own instrumentation come first."""
    return {**LIBRARIES, **_of_opentelemetry}


def chosen_by(setting: bool | Iterable[str], disabled: Iterable[str] = ()) -> tuple[str, ...]:
    """The names that a setting stands for: True for all default libraries that are not disabled, False for none.

    Raises ValueError for an unknown name; its text lists the known ones.
    """
    if isinstance(setting, bool):
        left_out = (*disabled,)
        if not setting or "*" in left_out:
            return ()
        return tuple(name for name in (*BY_DEFAULT, *_of_opentelemetry) if name not in left_out)
    names = tuple(setting)
    known = libraries()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"has {unknown[0]!r}; use names of {', '.join(known)}, or true for all of these but threads")
    return names


def install(names: Iterable[str], on_attempt: Callable[[str], object] | None = None) -> None:
    """Instrument libraries by name, each once, as soon as the program has imported it; the policy is `http.DEFAULT`.

    `on_attempt` is called with a library's name after each attempt, also a failed one.  Raises ValueError for an unknown name.
    """
    global _is_watching
    names = chosen_by(names)
    if on_attempt is not None:
        _observers.append(on_attempt)
    if names and not _is_watching:
        _is_watching = True
        _watch_others()
    for name in names:
        if name not in _states:
            _states[name] = "not imported yet"
            when_imported(libraries()[name].trigger, _Task(name))


def uninstall() -> None:
    """Put back everything that is instrumented; a chosen library that is imported later is left alone."""
    _states.clear()
    _observers.clear()
    for name in list(_modules):
        _modules.pop(name).uninstall()


def state(name: str) -> str:
    """The word "instrumented", or the reason why a library is not."""
    return _states.get(name, "not chosen")


def is_instrumenting() -> bool:
    """Whether our own module for a library is being imported now."""
    return bool(_loading)


class _Task:
    """The hook that instruments one library when it has been imported."""

    __slots__ = ("_is_last_try", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_last_try = False

    def __call__(self) -> None:
        if self._name not in _states or self._name in _modules:  # `uninstall`, and perhaps `install`, were called meanwhile
            return
        library = libraries()[self._name]
        if library.is_late:
            after_imports(self._instrument)
        elif library.instrumented_by is None or self._is_last_try or library.problem() or self._can_load(library):
            self._instrument()
        else:  # perhaps the instrumentation needs a module that is half imported
            self._is_last_try = True
            after_imports(self)

    def _can_load(self, library: Library) -> bool:
        """Whether an instrumentation of OpenTelemetry can be imported now.

        This is tried before the program's imports have ended, because modules make engines, channels and producers on import.
        """
        _loading.append(self._name)
        try:
            library.load()
        except Exception:
            return False
        finally:
            _loading.pop()
        return True

    def _instrument(self) -> None:
        name = self._name
        _loading.append(name)
        try:
            _instrument(name)
        except Exception as fault:
            _states[name] = f"failed: {type(fault).__name__}: {fault}"
            raise
        finally:
            _loading.pop()
            for on_attempt in (*_observers,):
                on_attempt(name)


def _instrument(name: str) -> None:
    other = stand_back(name)
    if other is not None:
        _states[name] = f"instrumented by {other}"
        return
    library = libraries()[name]
    if library.instrumented_by is not None and is_left_to_sdk():
        _states[name] = _LEFT_TO_SDK
        return
    problem = library.problem()
    if problem:
        log_unrecorded(problem)
        _states[name] = f"not instrumented by {library.instrumented_by}: {problem}"
        return
    module = library.load()
    module.install()
    _modules[name] = module
    _states[name] = "instrumented" if library.instrumented_by is None else f"instrumented by {library.instrumented_by}"


# Instrumentations of others that become active after ours


def _watch_others() -> None:
    for package in PACKAGES:
        when_imported(package, _stand_back_late)
    when_imported(INSTRUMENTOR_MODULE, _watch_opentelemetry)
    when_imported(SDK_MODULE, _leave_to_sdk)


def _stand_back_late() -> None:
    """Put back each library of ours that another package now instruments."""
    for name in list(_modules):
        other = None if name in _of_opentelemetry else stand_back(name)
        if other is not None:
            _modules.pop(name).uninstall()
            _states[name] = f"instrumented by {other}"


def _leave_to_sdk() -> None:
    """Switch OpenTelemetry's instrumentations off: a program with its SDK sets its own provider and switches them on itself."""
    for name in [name for name in _modules if name in _of_opentelemetry]:
        is_left_to_sdk()  # logs so once
        _states[name] = _LEFT_TO_SDK
        _modules.pop(name).leave_to_sdk()
    stop_recording_of_theirs()


def _watch_opentelemetry() -> None:
    """Call `_stand_back_late` after each `BaseInstrumentor.instrument`, the method that switches every instrumentor on."""
    base: Any = sys.modules[INSTRUMENTOR_MODULE].BaseInstrumentor
    original = base.instrument

    def instrument(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        _stand_back_late()
        return result

    instrument.__doc__ = original.__doc__
    base.instrument = instrument
