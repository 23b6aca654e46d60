"""Dropping: spans that nobody looks at, as those of health checks, are not sent.

Rules: all that is said of a span must hold.  Spans with an error, and those of a debug trace, are kept unless it is said that
they are not.  A span that is dropped leaves its children with a parent that nobody knows: Zipkin shows them as roots of their
trace.  So leaves are dropped best; a whole trace is left out by a sampler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import EllipsisType
from typing import Any

from ..model import FinishedSpan
from .keys import matcher

__all__ = ["drop"]

KINDS = ("CLIENT", "SERVER", "PRODUCER", "CONSUMER", "LOCAL")

Handler = Callable[[FinishedSpan], "FinishedSpan | None"]


def drop(
    *names: str,
    kinds: Iterable[str] = (),
    tags: Mapping[str, str | EllipsisType] | None = None,
    shorter_than_s: float | None = None,
    when: Callable[[FinishedSpan], bool] | None = None,
    keep_errors: bool = True,
) -> Handler:
    """A handler that drops the spans of which everything that is given holds.

    `names` are patterns, of which one must fit; `*` is any text, and the case does not count.  `kinds` are of CLIENT, SERVER,
    PRODUCER, CONSUMER and LOCAL.  `tags`: each must be there, with a value that fits the pattern, or with any (`...`).  `when`
    is a function of the span.  Raises ValueError that names the wrong argument and the remedy.
    """
    tests = [
        *_by_names(names),
        *_by_kinds(kinds),
        *_by_tags(tags),
        *_by_duration(shorter_than_s),
        *([when] if when is not None else []),
    ]
    if not tests or not all(map(callable, tests)):
        raise ValueError("drop() would drop every span; say which, for instance drop('*/health', kinds=['SERVER'])")

    def dropping(span: FinishedSpan, /) -> FinishedSpan | None:
        for test in tests:
            if not test(span):
                return span
        return span if span.debug or (keep_errors and "error" in span.tags) else None

    return dropping


def _fits_any(patterns: Iterable[Any]) -> Callable[[str], bool]:
    given = [pattern.lower() for pattern in patterns]
    exact = frozenset(pattern for pattern in given if "*" not in pattern)
    matchers = [matcher(pattern) for pattern in given if "*" in pattern]

    def fits(text: str) -> bool:
        lower = text.lower()
        return lower in exact or any(matches(lower) for matches in matchers)

    return fits


def _by_names(names: tuple[Any, ...]) -> Iterable[Callable[[FinishedSpan], bool]]:
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"names are {names!r}; use texts, for instance drop('*/health')")
    if names:
        fits = _fits_any(names)
        yield lambda span: fits(span.name)


def _by_kinds(kinds: Any) -> Iterable[Callable[[FinishedSpan], bool]]:
    given = frozenset(str(kind).upper() for kind in ([kinds] if isinstance(kinds, str) else kinds))
    if not given <= set(KINDS):
        raise ValueError(f"kinds is {kinds!r}; use a list of {', '.join(KINDS)}")
    if given:
        yield lambda span: (span.kind or "LOCAL") in given


def _by_tags(tags: Any) -> Iterable[Callable[[FinishedSpan], bool]]:
    if not isinstance(tags, Mapping) and tags is not None:
        raise ValueError(f"tags is {tags!r}; use a dict, for instance {{'http.status_code': '404'}}")
    for key, value in (tags or {}).items():
        yield _by_tag(key, None if value is ... else _fits_any([str(value)]))


def _by_tag(key: str, fits: Callable[[str], bool] | None) -> Callable[[FinishedSpan], bool]:
    def has(span: FinishedSpan) -> bool:
        value = span.tags.get(key)
        return value is not None and (fits is None or fits(str(value)))

    return has


def _by_duration(shorter_than_s: Any) -> Iterable[Callable[[FinishedSpan], bool]]:
    if shorter_than_s is None:
        return
    if isinstance(shorter_than_s, bool) or not isinstance(shorter_than_s, (int, float)) or not shorter_than_s > 0:
        raise ValueError(f"shorter_than_s is {shorter_than_s!r}; use seconds, more than 0")
    limit_us = shorter_than_s * 1_000_000
    yield lambda span: 0 < span.duration_us < limit_us
