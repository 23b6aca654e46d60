"""OpenTelemetry's instrumentations, for what we have none of our own for: which are installed, and switching them on.

Rules: as cheap as a look into some folders, because each interpreter below the command starts with it; `importlib.metadata`
would import sockets.  An instrumentation is loaded when the program has imported its library, never before.
"""

from __future__ import annotations

import os
import sys

from .registry import Library

TYPE_CHECKING = False  # as in typing, which takes 15 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

__all__ = ["disabled", "found"]

_GROUP = "[opentelemetry_instrumentor]"
_FOLDERS = ("opentelemetry_instrumentation_", "openinference_instrumentation_")  # how their `.dist-info` begins

# Their names of what we instrument -> ours.
OURS = {
    "aiohttp-client": "aiohttp",
    "asgi": "starlette",
    "celery": "celery",
    "django": "django",
    "fastapi": "fastapi",
    "flask": "flask",
    "httpx": "httpx",
    "logging": "logging",
    "requests": "requests",
    "starlette": "starlette",
    "threading": "threads",
    "urllib": "urllib",
    "urllib3": "urllib3",
    "wsgi": "flask",
}
_NO_SPANS = ("system_metrics",)

# The module whose import shows that a library is used, where it has not the instrumentation's name.
_TRIGGERS = {
    "aiohttp-server": "aiohttp",
    "boto3sqs": "boto3",
    "grpc_aio_client": "grpc",
    "grpc_aio_server": "grpc",
    "grpc_client": "grpc",
    "grpc_server": "grpc",
    "mysqlclient": "MySQLdb",
    "tortoiseorm": "tortoise",
}


class Instrumentation:
    """One of OpenTelemetry's, by its entry point; in the place of a module of ours."""

    def __init__(self, name: str, target: str, distribution: str, prepare: Callable[[], object]) -> None:
        self.name = name
        self.distribution = distribution  # with its version
        self._target = target
        self._prepare = prepare
        self._undo: Any = None  # what `prepare` gave

    def load(self) -> Any:
        """The instrumentor's class; raises whatever its import raises."""
        import importlib

        module, _, attribute = self._target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def install(self) -> None:
        """Switch it on; raises RuntimeError where the library has a version that it does not take."""
        self._undo = self._prepare()
        instrumentor = self.load()()
        problem = self.conflict(instrumentor)
        if problem is not None:
            raise RuntimeError(problem)
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(skip_dep_check=True)
        companion = self._companion()
        if companion is not None:
            companion.install()

    def uninstall(self) -> None:
        companion = self._companion()
        if companion is not None:
            companion.uninstall()
        instrumentor = self.load()()
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()

    def leave_to_sdk(self) -> None:
        """Switch it off, and leave the place of the process's provider, because the program has one of its own."""
        self.uninstall()
        if callable(self._undo):
            self._undo()

    def _companion(self) -> Any:
        """A module of ours that is switched on with it, or None."""
        if self.name != "sqlalchemy":
            return None
        from . import sqlalchemy_drivers

        return sqlalchemy_drivers

    def conflict(self, instrumentor: Any) -> str | None:
        """Why it would not take the library that is installed."""
        check = getattr(instrumentor, "_check_dependency_conflicts", None)  # what its `instrument` asks before all else
        found = None if check is None else check()
        return None if found is None else " ".join(str(found).split())


def found(prepare: Callable[[], object]) -> list[Library]:
    """One for each that is installed and that we have none of our own for; `prepare` is called before one is switched on.

    It gives a function that undoes it, which is called where the program turns out to use OpenTelemetry's SDK; or None.
    """
    libraries: dict[str, Library] = {}
    for distribution, name, target in _entry_points(sys.path):
        if name and name not in libraries and name not in OURS and name not in _NO_SPANS:
            instrumentation = Instrumentation(name, target, distribution, prepare)
            libraries[name] = Library(name, _trigger(name), None, _giver(instrumentation), by=distribution)
    return list(libraries.values())


def disabled(text: str) -> tuple[str, ...]:
    """The names that OTEL_PYTHON_DISABLED_INSTRUMENTATIONS has, theirs and ours; "*" stands for all."""
    names = [name for name in map(str.strip, text.split(",")) if name]
    return (*names, *(OURS[name] for name in names if name in OURS))


def _giver(instrumentation: Instrumentation) -> Callable[[], Any]:
    def load() -> Instrumentation:
        instrumentation.load()  # here, so that nothing is replaced yet where it raises
        return instrumentation

    return load


def _trigger(name: str) -> str:
    return _TRIGGERS.get(name, name.replace("-", "_"))


def _entry_points(folders: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Distribution and version, name and target of each entry point."""
    for folder in folders:
        try:
            every = os.listdir(folder or ".")
        except OSError:  # a zip file, or a folder that is no more
            continue
        for name in sorted(every):
            if not name.startswith(_FOLDERS) or not name.endswith(".dist-info"):
                continue
            try:
                with open(os.path.join(folder, name, "entry_points.txt"), encoding="utf-8") as file:
                    lines = file.read().splitlines()
            except (OSError, UnicodeDecodeError):
                continue
            package, _, version = name[: -len(".dist-info")].partition("-")
            distribution = f"{package.replace('_', '-')} {version}"
            section = ""
            for line in map(str.strip, lines):
                if line.startswith("["):
                    section = line
                elif section == _GROUP and "=" in line:
                    key, _, target = line.partition("=")
                    yield distribution, key.strip(), target.strip()
