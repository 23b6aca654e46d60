"""Replacing a function of a library, and putting it back.

Rules: a module asks whether its `Patches` are empty before it replaces anything, so that each function is replaced once.  Where
another package has since replaced our function, its function stays, with ours inside it; after `uninstall`, our function only
passes calls on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["Patches"]


class Patches:
    """The functions that one instrumentation has replaced; true where there is one."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any, Any, bool]] = []

    def __bool__(self) -> bool:
        return bool(self._replaced)

    def replace(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        """Put `wrap(original)` in the place of `owner.name`; raises AttributeError where `owner` has no such attribute."""
        inherited = name not in vars(owner)
        original = getattr(owner, name)
        replacement = wrap(original)
        if not isinstance(replacement, classmethod):
            functools.update_wrapper(replacement, original)
        setattr(owner, name, replacement)
        self._replaced.append((owner, name, original, replacement, inherited))

    def add(self, owner: Any, name: str, value: Any) -> None:
        """Give `owner` an attribute that it does not have; does nothing where it has one, which is another package's."""
        if name not in vars(owner):
            setattr(owner, name, value)
            self._replaced.append((owner, name, None, value, True))

    def undo(self) -> None:
        """Put back the original of each replacement that is still in its place."""
        while self._replaced:
            owner, name, original, replacement, inherited = self._replaced.pop()
            if vars(owner).get(name) is not replacement:
                continue
            if inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
