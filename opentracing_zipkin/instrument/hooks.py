"""Post-import hooks: calling a function when a module has been imported, or when no import is in progress.

Rules: imports only modules that every started interpreter has loaded, so that it may run before gevent patches, and an
interpreter starts as fast as without it.  A hook that raises costs one line on standard error, and the import goes on.  A
module has its own loader again before its code runs.
Source: importlib._bootstrap, `_find_spec` and `_load_unlocked` (the same in Python 3.10 to 3.14).
"""

from __future__ import annotations

import _frozen_importlib
import sys
from _thread import get_ident

TYPE_CHECKING = False  # as in typing, which takes 15 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Hook = Callable[[], object]

__all__ = ["after_imports", "when_imported", "write_stderr"]


def when_imported(name: str, hook: Hook) -> None:
    """Call `hook` once: now if the module has been imported, else as soon as it has been.

    Use it for top-level packages: when a module below one has been imported, the package may still be half imported.
    """
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "_initializing", False):
        _watch(spec, lambda: when_imported(name, hook))
    elif module is not None:
        _call(hook, name)
    else:
        _waiting.setdefault(name, []).append(hook)
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)


def after_imports(hook: Hook) -> None:
    """Call `hook` once: now if this thread is not importing, else at the end of the thread's outermost import."""
    spec = _outermost_import()
    if spec is None:
        _call(hook, "an import")
    else:
        _watch(spec, hook)


def write_stderr(text: str) -> None:
    """Write one line to standard error, because logging may not be loaded yet."""
    try:
        sys.stderr.write("zipkin: " + " ".join(text.split()) + "\n")
        sys.stderr.flush()
    except Exception:  # standard error may be closed, or None
        return


_waiting: dict[str, list[Hook]] = {}


def _call(hook: Hook, name: str) -> None:
    try:
        hook()
    except Exception as fault:
        write_stderr(f"the hook after the import of {name} raised {type(fault).__name__}: {fault}; the program goes on")


# The import of one module


class _Finder:
    """Finds the modules that hooks wait for by asking the other finders, and wraps each loader so that it calls the hooks."""

    def __init__(self) -> None:
        self._inside: set[tuple[str, int]] = set()  # names that a thread is already looking for, with the thread

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        key = (name, get_ident())
        if name not in _waiting or key in self._inside:
            return None
        self._inside.add(key)
        try:
            spec = _found(name, path, target)
        finally:
            self._inside.discard(key)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            watched: Any = _Loader(spec.loader)
            spec.loader = watched
        return spec


def _found(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    for finder in list(sys.meta_path):
        find_spec = getattr(finder, "find_spec", None)
        if find_spec is not None and finder is not _finder:
            spec: ModuleSpec | None = find_spec(name, path, target)
            if spec is not None:
                return spec
    return None


class _Loader:
    """Takes the place of a module's loader until the module's code runs; to other code it looks like that loader."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        create: Callable[[ModuleSpec], ModuleType | None] | None = getattr(self._loader, "create_module", None)
        return None if create is None else create(spec)

    def exec_module(self, module: ModuleType) -> None:
        loader = self._loader
        spec: Any = module.__spec__
        if spec is not None and spec.loader is self:
            spec.loader = loader
        if module.__loader__ is self:
            module.__loader__ = loader
        loader.exec_module(module)
        for hook in _waiting.pop(module.__name__, ()):
            _call(hook, module.__name__)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_finder = _Finder()


# The end of an import that is in progress


def _outermost_import() -> ModuleSpec | None:
    """The first module that this thread has begun to import and has not finished."""
    spec = None
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _LOADING:
            loaded = frame.f_locals.get("spec")
            if getattr(loaded, "_initializing", False):
                spec = loaded
        frame = frame.f_back  # type: ignore[assignment]
    return spec


# None where an interpreter does not have this function; then `after_imports` always calls its hook at once.
_LOADING = getattr(getattr(_frozen_importlib, "_load_unlocked", None), "__code__", None)
_ends: dict[int, list[Hook]] = {}  # the hooks of each watched spec, by `id(spec)`


def _watch(spec: Any, hook: Hook) -> None:
    """Call `hook` when the import of `spec` ends, by success or failure; at once where that end cannot be observed."""
    hooks = _ends.get(id(spec))
    if hooks is not None:
        hooks.append(hook)
        return
    _ends[id(spec)] = [hook]
    try:
        spec.__class__ = _WatchedSpec
    except TypeError:  # the spec is not of the interpreter's own class
        _end(spec)
    else:
        if not spec._initializing:  # another thread has just ended the import
            _end(spec)


def _end(spec: Any) -> None:
    for hook in _ends.pop(id(spec), ()):
        _call(hook, spec.name)


class _WatchedSpec(type(sys.__spec__)):  # type: ignore[misc]
    """A spec during its module's import: the interpreter sets `_initializing` to False when the import has ended."""

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        if name == "_initializing" and not value:
            self.__class__ = type(sys.__spec__)  # type: ignore[assignment]
            _end(self)
