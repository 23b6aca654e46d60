"""All that we instrument: each library, the import by which a program shows that it uses it, and our module for it.

Rules: imports no library; each is instrumented when the program imports it, or at once where it has.  Ours stands back where
another instrumentation is active, also where that comes later.
"""

from __future__ import annotations

import sys

from .elsewhere import BASE, PACKAGES, SDK, is_left_to_sdk, leave_theirs, record_theirs_by, stands_back
from .hooks import after_imports, when_imported

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
    "add_others",
    "chosen_by",
    "install",
    "is_instrumenting",
    "libraries",
    "state",
    "uninstall",
]


class Library:
    """One library.

    `trigger`: the module whose import shows that it is used; mostly a top-level package, because that is complete when its
    import ends.  `distribution`: the one on PyPI that has it, None for the standard library.  `load`: gives our module.
    `by_default`: whether "all" includes it.
    `is_late`: instrumented when no import is in progress, because our module needs what may be half imported.
    `by`: the distribution of OpenTelemetry's instrumentation, None for ours.
    """

    __slots__ = ("by", "by_default", "distribution", "is_late", "load", "name", "trigger")

    def __init__(
        self,
        name: str,
        trigger: str,
        distribution: str | None,
        load: Callable[[], Any],
        by_default: bool = True,
        is_late: bool = False,
        by: str | None = None,
    ) -> None:
        self.name = name
        self.trigger = trigger
        self.distribution = distribution
        self.load = load
        self.by_default = by_default
        self.is_late = is_late
        self.by = by


# Import statements, because bundlers do not find a module whose name is made at run time.


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
        Library("flask", "flask", "flask", _flask),
        Library("django", "django", "django", _django),
        Library("fastapi", "fastapi", "fastapi", _fastapi),
        Library("starlette", "starlette", "starlette", _starlette),
        Library("requests", "requests", "requests", _requests),
        Library("httpx", "httpx", "httpx", _httpx),
        Library("urllib3", "urllib3", "urllib3", _urllib3),
        Library("urllib", "urllib.request", None, _urllib),
        Library("aiohttp", "aiohttp", "aiohttp", _aiohttp),
        # Not `celery`: the command imports that package first, then lets gevent patch, and then imports the rest.
        Library("celery", "celery.app", "celery", _celery),
        Library("logging", "logging", None, _logging),
        # concurrent.futures imports logging, which imports threading.
        Library("threads", "threading", None, _threads, by_default=False, is_late=True),
    )
}
NAMES = tuple(LIBRARIES)
BY_DEFAULT = tuple(name for name, library in LIBRARIES.items() if library.by_default)

_LEFT_TO_SDK = "left to OpenTelemetry's SDK"
_others: dict[str, Library] = {}  # of OpenTelemetry

_states: dict[str, str] = {}  # of those that were chosen: "instrumented", or why not
_modules: dict[str, Any] = {}  # ours, of those that are instrumented
_followers: list[Callable[[str], object]] = []
_busy: list[str] = []
_watching: list[bool] = []


def add_others(libraries: Iterable[Library], record: Callable[[], Callable[[], object]]) -> None:
    """Have instrumentations of OpenTelemetry beside ours, from now on.

    `record` makes the spans ours of those that the program switches on by itself, and gives what undoes it.
    """
    record_theirs_by(record)
    for library in libraries:
        if library.name not in LIBRARIES:
            _others.setdefault(library.name, library)


def libraries() -> dict[str, Library]:
    """By name, ours first."""
    return {**LIBRARIES, **_others}


def chosen_by(setting: bool | Iterable[str], disabled: Iterable[str] = ()) -> tuple[str, ...]:
    """The names that a setting stands for: True all that are instrumented by default and not disabled, False none.

    Raises ValueError for a name that is not in the table, with those that are.
    """
    if isinstance(setting, bool):
        left_out = (*disabled,)
        if not setting or "*" in left_out:
            return ()
        return tuple(name for name in (*BY_DEFAULT, *_others) if name not in left_out)
    names = tuple(setting)
    known = libraries()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"has {unknown[0]!r}; use names of {', '.join(known)}, or true for all of these but threads")
    return names


def install(names: Iterable[str], follow: Callable[[str], object] | None = None) -> None:
    """Instrument libraries by name, each once, as soon as the program has imported it; with the policy `http.DEFAULT`.

    `follow` is called with a library's name after that, also where it has failed.  Raises ValueError for an unknown name.
    """
    names = chosen_by(names)
    if follow is not None:
        _followers.append(follow)
    if names and not _watching:
        _watching.append(True)
        _watch_others()
    for name in names:
        if name not in _states:
            _states[name] = "not imported yet"
            when_imported(libraries()[name].trigger, _Task(name))


def uninstall() -> None:
    """Put back everything that is instrumented; what was not imported yet stays as it is when it is."""
    _states.clear()
    _followers.clear()
    for name in list(_modules):
        _modules.pop(name).uninstall()


def state(name: str) -> str:
    """Whether a library is "instrumented", or why it is not."""
    return _states.get(name, "not chosen")


def is_instrumenting() -> bool:
    """Whether our own module for a library is being imported now."""
    return bool(_busy)


class _Task:
    """The hook of a library."""

    __slots__ = ("_is_last_try", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_last_try = False

    def __call__(self) -> None:
        if self._name not in _states or self._name in _modules:  # uninstalled, and perhaps installed again, meanwhile
            return
        library = libraries()[self._name]
        if library.is_late:
            after_imports(self._instrument)
        elif library.by is None or self._is_last_try or self._can_load(library):
            self._instrument()
        else:  # perhaps it needs what is half imported
            self._is_last_try = True
            after_imports(self)

    def _can_load(self, library: Library) -> bool:
        """Whether an instrumentation of OpenTelemetry's can be imported.

        It is tried while the program's imports go on, because programs make engines, channels and producers in their modules.
        """
        _busy.append(self._name)
        try:
            library.load()
        except Exception:
            return False
        finally:
            _busy.pop()
        return True

    def _instrument(self) -> None:
        name = self._name
        _busy.append(name)
        try:
            _instrument(name)
        except Exception as fault:
            _states[name] = f"failed: {type(fault).__name__}: {fault}"
            raise
        finally:
            _busy.pop()
            for follow in (*_followers,):
                follow(name)


def _instrument(name: str) -> None:
    other = stands_back(name)
    if other is not None:
        _states[name] = f"instrumented by {other}"
        return
    library = libraries()[name]
    if library.by is not None and is_left_to_sdk():
        _states[name] = _LEFT_TO_SDK
        return
    module = library.load()
    module.install()
    _modules[name] = module
    _states[name] = "instrumented" if library.by is None else f"instrumented by {library.by}"


# Other instrumentations that become active after ours


def _watch_others() -> None:
    for package in PACKAGES:
        when_imported(package, _withdraw)
    when_imported(BASE, _watch_opentelemetry)
    when_imported(SDK, _leave_to_sdk)


def _withdraw() -> None:
    """Put back what is instrumented by another now."""
    for name in list(_modules):
        other = None if name in _others else stands_back(name)
        if other is not None:
            _modules.pop(name).uninstall()
            _states[name] = f"instrumented by {other}"


def _leave_to_sdk() -> None:
    """The program sets a provider of OpenTelemetry's own, and switches on by itself what that is to record."""
    for name in [name for name in _modules if name in _others]:
        is_left_to_sdk()  # says so
        _states[name] = _LEFT_TO_SDK
        _modules.pop(name).leave_to_sdk()
    leave_theirs()


def _watch_opentelemetry() -> None:
    """Each of its instrumentors is switched on by the same method."""
    base: Any = sys.modules[BASE].BaseInstrumentor
    original = base.instrument

    def instrument(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        _withdraw()
        return result

    instrument.__doc__ = original.__doc__
    base.instrument = instrument
