"""Dropping: spans that nobody looks at, for instance of health checks, are not sent.

Rules: a span is dropped if it meets every condition.  Spans of a debug trace are always kept, and spans with an error unless
`keep_errors` is False.  The children of a dropped span have a parent that Zipkin does not know, and are shown as roots of their
trace.  So drop spans without children; to leave out a whole trace, use a sampler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from ..model import FinishedSpan
from .keys import matcher

if TYPE_CHECKING:
    from . import SpanHandler

__all__ = ["drop"]

KINDS = ("CLIENT", "SERVER", "PRODUCER", "CONSUMER", "LOCAL")


def drop(
    *names: str,
    kinds: Iterable[str] = (),
    tags: Mapping[str, str | EllipsisType] | None = None,
    shorter_than_s: float | None = None,
    when: Callable[[FinishedSpan], bool] | None = None,
    keep_errors: bool = True,
) -> SpanHandler:
    """A handler that drops the spans that meet all conditions.

    One of the patterns `names` must match the span's name; `*` is any text, and the case does not matter.  `kinds` may have
    CLIENT, SERVER, PRODUCER, CONSUMER and LOCAL.  Each of `tags` must be there, with a value that matches the pattern, or with
    any value for `...`.  `when` is a function of the span.  Raises ValueError that names the wrong argument and the remedy.
    """
    tests = [
        *_by_names(names),
        *_by_kinds(kinds),
        *_by_tags(tags),
        *_by_duration(shorter_than_s),
        *_by_function(when),
    ]
    if not isinstance(keep_errors, bool):
        raise ValueError(f"keep_errors is {keep_errors!r}; use True or False")
    if not tests:
        raise ValueError("drop() would drop every span; say which, for instance drop('*/health', kinds=['SERVER'])")

    def dropping(span: FinishedSpan, /) -> FinishedSpan | None:
        for test in tests:
            if not test(span):
                return span
        return span if span.debug or (keep_errors and "error" in span.tags) else None

    return dropping


def _any_matcher(patterns: Iterable[Any]) -> Callable[[str], bool]:
    given = [pattern.lower() for pattern in patterns]
    exact = frozenset(pattern for pattern in given if "*" not in pattern)
    matchers = [matcher(pattern) for pattern in given if "*" in pattern]

    def matches(text: str) -> bool:
        lower = text.lower()
        return lower in exact or any(is_match(lower) for is_match in matchers)

    return matches


def _by_names(names: tuple[Any, ...]) -> Iterable[Callable[[FinishedSpan], bool]]:
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"names are {names!r}; use texts, for instance drop('*/health')")
    if names:
        matches = _any_matcher(names)
        yield lambda span: matches(span.name)


def _by_kinds(kinds: Any) -> Iterable[Callable[[FinishedSpan], bool]]:
    listed = [kinds] if isinstance(kinds, str) or not isinstance(kinds, Iterable) else kinds
    given = frozenset(str(kind).upper() for kind in listed)
    if not given <= set(KINDS):
        raise ValueError(f"kinds is {kinds!r}; use a list of {', '.join(KINDS)}")
    if given:
        yield lambda span: (span.kind or "LOCAL") in given


def _by_tags(tags: Any) -> Iterable[Callable[[FinishedSpan], bool]]:
    if not isinstance(tags, Mapping) and tags is not None:
        raise ValueError(f"tags is {tags!r}; use a dict, for instance {{'http.status_code': '404'}}")
    for key, value in (tags or {}).items():
        if not isinstance(key, str) or value is None:
            raise ValueError(f"tags has {key!r}: {value!r}; use a text and its value, or ... for any value")
        yield _by_tag(key, None if value is ... else _any_matcher([str(value)]))


def _by_tag(key: str, matches: Callable[[str], bool] | None) -> Callable[[FinishedSpan], bool]:
    def has_tag(span: FinishedSpan) -> bool:
        value = span.tags.get(key)
        return value is not None and (matches is None or matches(str(value)))

    return has_tag


def _by_function(when: Any) -> Iterable[Callable[[FinishedSpan], bool]]:
    if when is None:
        return
    if not callable(when):
        raise ValueError(f"when is of type {type(when).__name__}; use a function of the span that returns True or False")
    yield when


def _by_duration(shorter_than_s: Any) -> Iterable[Callable[[FinishedSpan], bool]]:
    if shorter_than_s is None:
        return
    if isinstance(shorter_than_s, bool) or not isinstance(shorter_than_s, (int, float)) or not shorter_than_s > 0:
        raise ValueError(f"shorter_than_s is {shorter_than_s!r}; use seconds, more than 0")
    limit_us = shorter_than_s * 1_000_000
    yield lambda span: 0 < span.duration_us < limit_us
