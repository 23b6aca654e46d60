"""Renaming: names that hold an id, as `/users/123`, become one name, so that Zipkin can group by them.

Rules: names are compared without regard to case, because Zipkin keeps them in lower case.  The first rule that gives another
name counts.  What a name becomes is remembered, unless a function decided it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..model import FinishedSpan

__all__ = ["Renaming", "Rule", "rename"]

# A mapping from names or expressions to names, a template as "/users/{id}", or a function of the span.
Rule: TypeAlias = "Mapping[str, str] | Mapping[re.Pattern[str], str] | str | Callable[[FinishedSpan], str | None]"

MAX_REMEMBERED = 4096

_ANY = r"[^/\s?#]"
_FIELD = re.compile(r"\{[^{}/]*\}")


def rename(*rules: Rule) -> Renaming:
    """A handler that gives spans other names, by the first rule that has one.

    A rule is a mapping from names to names; or from compiled expressions, which must fit the whole name, to names, in which
    `\\1` is a group; or a template, as `"/users/{id}"`, in which each pair of braces stands for one step of a path; or a
    function that takes the span and returns its name, or None.  Raises ValueError for what is no rule.
    """
    if not rules:
        raise ValueError("rename() has no rule; give one, for instance rename('/users/{id}')")
    return Renaming([_Rule(rule) for rule in rules])


class _Rule:
    """One rule: `by_name` where the name decides alone, else `by_span`."""

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
    """With or without a method, or another word, before the path."""
    if not _FIELD.search(template):
        raise ValueError(f"{template!r} has nothing in braces; use a template as '/users/{{id}}', or a mapping")
    steps = "/".join([_step(step, f"at{place}") for place, step in enumerate(template.split("/"))])
    pattern = re.compile(rf"(\S+ )?{steps}", re.IGNORECASE)

    def by_name(name: str) -> str | None:
        found = pattern.fullmatch(name)
        return None if found is None else f"{found[1] or ''}{template}"

    return by_name


def _step(step: str, group: str) -> str:
    """The expression of one step.  Of several fields all but the last end where they first can, and are not tried again."""
    begin, *others = map(re.escape, _FIELD.split(step))
    if not others:
        return begin
    *middle, end = others
    fields = [f"(?=(?P<{group}_{place}>{_ANY}+?{text}))(?P={group}_{place})" for place, text in enumerate(middle)]
    return f"{begin}{''.join(fields)}{_ANY}+{end}"


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
    """What `rename` makes; may be called from any thread."""

    __slots__ = ("_known", "_rules")

    def __init__(self, rules: list[_Rule]) -> None:
        self._rules = rules
        self._known: dict[str, str | None] | None = {} if all(rule.by_span is None for rule in rules) else None

    def __call__(self, span: FinishedSpan, /) -> FinishedSpan:
        """The span, with its new name."""
        name = span.name
        if self._known is None:
            new = self._new(span)
        elif name in self._known:
            new = self._known[name]
        else:
            new = self._new(span)
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[name] = new
        if new is not None:
            span.name = new
        return span

    def _new(self, span: FinishedSpan) -> str | None:
        for rule in self._rules:
            new = rule.by_name(span.name) if rule.by_span is None else rule.by_span(span)
            if new is not None:
                return new
        return None
