"""Copies of the HTTP library's classes that a mock in the application's tests cannot change.

Rules: a mock replaces a method of a class (responses, pook), or a class in its module (VCR.py).  It would swallow our messages,
or count them among the application's requests.  So each class that we build on is copied once, with all its methods and the
names of their module; a later replacement has no effect on the copy.  Where a mock was there before us, the original is found
behind it, or its module is loaded a second time, for us alone.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.util import module_from_spec
from types import FunctionType
from typing import Any

__all__ = ["loaded_anew", "sealed"]


def sealed(module: str, name: str, *below: Any) -> Any:
    """A subclass of the class, with a copy of each of its methods.

    `below`: sealed classes in place of bases from other modules, so that `super()` finds them.
    """
    found = _original(getattr(import_module(module), name), module, name)
    methods = _methods(found, module)
    if not methods:
        found = getattr(loaded_anew(module), name)
        methods = _methods(found, module)
    known: dict[str, Any] = dict(next((method.__globals__ for method in methods.values()), {}))
    known |= {one.__qualname__: one for one in found.__mro__ if one.__module__ == module}
    for base in below:
        known |= {key: base for key, value in known.items() if value is base.__mro__[1]}
    own = {name: _with_globals(known, method) for name, method in methods.items()}
    return type(name, (found, *below), {**own, "__module__": __name__})


def _with_globals(known: dict[str, Any], method: FunctionType) -> FunctionType:
    """A copy of the method that finds its global names in `known`."""
    own = FunctionType(method.__code__, known, method.__name__, method.__defaults__, method.__closure__)
    own.__kwdefaults__ = method.__kwdefaults__
    return own


def _original(found: Any, module: str, name: str) -> Any:
    """The original class, also if a subclass stands in its place; None if it cannot be found."""
    classes = getattr(found, "__mro__", ())
    return next((one for one in classes if (one.__module__, one.__qualname__) == (module, name)), None)


def _methods(found: Any, module: str) -> dict[str, FunctionType]:
    """The methods that the module defines, also inherited ones; empty if one was replaced and its original is lost."""
    methods: dict[str, FunctionType] = {}
    for one in reversed(getattr(found, "__mro__", ())):
        if one.__module__ == module:
            for name, method in vars(one).items():
                if not callable(method) or isinstance(method, (type, staticmethod, classmethod)):
                    continue
                while hasattr(method, "__wrapped__"):
                    method = method.__wrapped__
                if not isinstance(method, FunctionType) or method.__module__ != module:
                    return {}
                methods[name] = method
    return methods


def loaded_anew(module: str) -> Any:
    """A second copy of a module, without anybody's changes; it is not in `sys.modules`."""
    # Not importlib.util.find_spec, which returns the loaded module's spec; in urllib3 1.26 it has six's lazy loader.
    path = getattr(sys.modules.get(module.rpartition(".")[0]), "__path__", None)
    [spec, *_] = [spec for finder in sys.meta_path if (spec := finder.find_spec(module, path)) is not None]
    fresh: Any = module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for instance of a missing optional part: the first import has warned already
        fresh.__loader__.exec_module(fresh)
    return fresh
