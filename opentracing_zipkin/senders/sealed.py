"""The HTTP library's classes as their authors wrote them, whatever a test of the application has put in their place.

Rules: a mock replaces a method of a class (responses, pook), or a class in its module (VCR.py); it would swallow our messages,
or count them among the application's requests.  So each class that we build on is copied once, with all its methods, and these
with the names of their module: what is replaced later is not seen here.  Where a mock was there before us, the original is
looked up behind it, or its module is loaded once more, and known to nobody else.
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
    """A subclass of the class that has each of its methods as its own.

    `below`: sealed bases of it from other modules, which `super()` finds then in place of their originals.
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
    own = {name: _knowing(known, method) for name, method in methods.items()}
    return type(name, (found, *below), {**own, "__module__": __name__})


def _knowing(known: dict[str, Any], method: FunctionType) -> FunctionType:
    """The method, with `known` as the names of its module."""
    own = FunctionType(method.__code__, known, method.__name__, method.__defaults__, method.__closure__)
    own.__kwdefaults__ = method.__kwdefaults__
    return own


def _original(found: Any, module: str, name: str) -> Any:
    """The class itself where a subclass of it stands in its place; None where it is hidden altogether."""
    classes = getattr(found, "__mro__", ())
    return next((one for one in classes if (one.__module__, one.__qualname__) == (module, name)), None)


def _methods(found: Any, module: str) -> dict[str, FunctionType]:
    """The methods that the module has defined, inherited ones too; none where one was replaced for good."""
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
    """A module once more, as it was before anybody has changed it; known to the caller alone."""
    # Not importlib.util.find_spec, which believes the loaded module; urllib3 1.26 leaves six's lazy loader there.
    path = getattr(sys.modules.get(module.rpartition(".")[0]), "__path__", None)
    [spec, *_] = [spec for finder in sys.meta_path if (spec := finder.find_spec(module, path)) is not None]
    fresh: Any = module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of an optional dependency that is not there, which were for the first import
        fresh.__loader__.exec_module(fresh)
    return fresh
