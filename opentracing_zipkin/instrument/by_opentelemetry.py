"""OpenTelemetry's instrumentations of libraries for which we have no instrumentation: finding them and switching them on.

Rules: the search only lists folders and reads small files, because each interpreter below the command does it at its start;
`importlib.metadata` would import sockets.  An instrumentation is loaded when the program has imported its library, not before.
"""

from __future__ import annotations

import os
import sys

from .opentelemetry_api import version_problem
from .registry import Library

TYPE_CHECKING = False  # as in typing, which takes 15 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

__all__ = ["disabled_names", "find"]

_GROUP = "[opentelemetry_instrumentor]"
_FOLDERS = ("opentelemetry_instrumentation_", "openinference_instrumentation_")  # the first part of their `.dist-info` names

# OpenTelemetry's names of the libraries that we instrument ourselves -> our names.
OUR_NAMES = {
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

# The module whose import shows that a library is used, where the module's name is not the instrumentation's name.
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
    """One instrumentation of OpenTelemetry, by its entry point; the registry uses it like a module of ours."""

    def __init__(self, name: str, target: str, distribution: str, prepare: Callable[[], object]) -> None:
        self.name = name
        self.distribution = distribution  # its name and version
        self._target = target
        self._prepare = prepare
        self._undo: Any = None  # the result of `prepare`

    def load(self) -> Any:
        """The instrumentor's class; raises whatever its import raises."""
        import importlib

        module, _, attribute = self._target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def install(self) -> None:
        """Switch the instrumentation on; raises RuntimeError where it does not support the library's version."""
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
        """Switch the instrumentation off, and withdraw our tracer provider, because the program sets its own provider."""
        self.uninstall()
        if callable(self._undo):
            self._undo()

    def _companion(self) -> Any:
        """Our module that is switched on together with this instrumentation, or None."""
        if self.name != "sqlalchemy":
            return None
        from . import sqlalchemy_drivers

        return sqlalchemy_drivers

    def conflict(self, instrumentor: Any) -> str | None:
        """The reason why the instrumentation does not support the installed library; None where it does."""
        check = getattr(instrumentor, "_check_dependency_conflicts", None)  # its `instrument` begins with this check
        found = None if check is None else check()
        return None if found is None else " ".join(str(found).split())


def find(prepare: Callable[[], object]) -> list[Library]:
    """A Library for each installed instrumentation of OpenTelemetry whose library we do not instrument ourselves.

    `prepare` is called before one is switched on.  It returns a function that undoes it, or None; that function is called where
    the program turns out to use OpenTelemetry's SDK.
    """
    libraries: dict[str, Library] = {}
    for distribution, name, target in _entry_points(sys.path):
        if name and name not in libraries and name not in OUR_NAMES and name not in _NO_SPANS:
            instrumentation = Instrumentation(name, target, distribution, prepare)
            load = _loader_of(instrumentation)
            libraries[name] = Library(name, _trigger(name), None, load, instrumented_by=distribution, problem=version_problem)
    return list(libraries.values())


def disabled_names(text: str) -> tuple[str, ...]:
    """The names in the text of OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, and our names for the same libraries; "*" means all."""
    names = [name for name in map(str.strip, text.split(",")) if name]
    return (*names, *(OUR_NAMES[name] for name in names if name in OUR_NAMES))


def _loader_of(instrumentation: Instrumentation) -> Callable[[], Any]:
    def load() -> Instrumentation:
        instrumentation.load()  # where this raises, nothing has been replaced yet
        return instrumentation

    return load


def _trigger(name: str) -> str:
    return _TRIGGERS.get(name, name.replace("-", "_"))


def _entry_points(folders: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """The distribution with its version, the name and the target of each entry point."""
    for folder in folders:
        try:
            every = os.listdir(folder or ".")
        except OSError:  # a zip file, or a folder that does not exist any more
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
