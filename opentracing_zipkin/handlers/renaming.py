"""Renaming: names with an id in them, for instance `/users/123`, become one name, so that Zipkin can group by it.

Rules: names are compared without regard to case, because Zipkin keeps them in lower case.  The first rule that returns a
name counts.  The new name is remembered for the old one, unless a rule is a function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..model import FinishedSpan

__all__ = ["NameRule", "Renaming", "rename"]

# A mapping from names or expressions to names, a template as "/users/{id}", or a function of the span.
NameRule: TypeAlias = "Mapping[str, str] | Mapping[re.Pattern[str], str] | str | Callable[[FinishedSpan], str | None]"

MAX_REMEMBERED_NAMES = 4096

_STEP_CHARACTER = r"[^/\s?#]"
_FIELD = re.compile(r"\{[^{}/]*\}")


def rename(*rules: NameRule) -> Renaming:
    """A handler that gives spans other names, each by the first rule that returns one.

    A rule is a mapping from names to names; or from compiled expressions, which must fit the whole name, to names, in which
    `\\1` is a group; or a template, as `"/users/{id}"`, in which each pair of braces stands for one step of a path; or a
    function that takes the span and returns its name, or None.  Raises ValueError for anything else.
    """
    if not rules:
        raise ValueError("rename() has no rule; give one, for instance rename('/users/{id}')")
    return Renaming([_NameRule(rule) for rule in rules])


class _NameRule:
    """One rule: `by_name` where the name alone decides, else `by_span`."""

    __slots__ = ("by_name", "by_span")

    def __init__(self, rule: Any) -> None:
        self.by_span: Callable[[FinishedSpan], str | None] | None = None
        self.by_name: Callable[[str], str | None] = _no_name
        if isinstance(rule, str):
            self.by_name = _by_template(rule)
        elif isinstance(rule, Mapping):
            self.by_name = _by_mapping(rule)
        elif callable(rule):
            self.by_span = rule
        else:
            raise ValueError(f"{rule!r} is no rule; use a mapping, a template as '/users/{{id}}', or a function of the span")


def _no_name(name: str) -> str | None:
    return None


def _by_template(template: str) -> Callable[[str], str | None]:
    """The function for a template; before the path a name may have one word, for instance the method."""
    if not _FIELD.search(template):
        raise ValueError(f"{template!r} has nothing in braces; use a template as '/users/{{id}}', or a mapping")
    steps = "/".join([_step(step, f"at{place}") for place, step in enumerate(template.split("/"))])
    pattern = re.compile(rf"(\S+ )?{steps}", re.IGNORECASE)

    def by_name(name: str) -> str | None:
        found = pattern.fullmatch(name)
        return None if found is None else f"{found[1] or ''}{template}"

    return by_name


def _step(step: str, group: str) -> str:
    """The expression for one step.  With several fields, all but the last take the shortest match, without backtracking."""
    begin, *others = map(re.escape, _FIELD.split(step))
    if not others:
        return begin
    *middle, end = others
    fields = [f"(?=(?P<{group}_{place}>{_STEP_CHARACTER}+?{text}))(?P={group}_{place})" for place, text in enumerate(middle)]
    return f"{begin}{''.join(fields)}{_STEP_CHARACTER}+{end}"


def _by_mapping(rule: Mapping[Any, Any]) -> Callable[[str], str | None]:
    for old, new in rule.items():
        if not isinstance(old, (str, re.Pattern)) or not isinstance(new, str):
            raise ValueError(f"{old!r}: {new!r} is no rule; use a name or a compiled expression, and a name")
    exact: dict[str, str] = {old.lower(): new for old, new in rule.items() if isinstance(old, str)}
    patterns = [(re.compile(old.pattern, old.flags | re.I), new) for old, new in rule.items() if not isinstance(old, str)]

    def by_name(name: str) -> str | None:
        new = exact.get(name.lower())
        if new is not None:
            return new
        for pattern, template in patterns:
            found = pattern.fullmatch(name)
            if found is not None:
                return str(found.expand(template))
        return None

    return by_name


class Renaming:
    """The handler that `rename` returns; may be called from any thread."""

    __slots__ = ("_remembered", "_rules")

    def __init__(self, rules: list[_NameRule]) -> None:
        self._rules = rules
        self._remembered: dict[str, str | None] | None = {} if all(rule.by_span is None for rule in rules) else None

    def __call__(self, span: FinishedSpan, /) -> FinishedSpan:
        """Rename the span, and return it."""
        name = span.name
        if self._remembered is None:
            new = self._new(span)
        elif name in self._remembered:
            new = self._remembered[name]
        else:
            new = self._new(span)
            if len(self._remembered) >= MAX_REMEMBERED_NAMES:
                self._remembered.clear()
            self._remembered[name] = new
        if new is not None:
            span.name = new
        return span

    def _new(self, span: FinishedSpan) -> str | None:
        for rule in self._rules:
            new = rule.by_name(span.name) if rule.by_span is None else rule.by_span(span)
            if new is not None:
                return new
        return None
