"""Finished spans as a list with questions for tests.

Rules: a question without an answer raises AssertionError, which lists the spans, the differences, and possible reasons.  Names
and kinds are compared without regard to case, because Zipkin keeps names in lower case.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..clock import monotonic
from ..drawing.trees import service_of
from ..model import FinishedSpan
from ..text import printable, spans as spans_in_words, to_text

__all__ = ["Spans", "described"]

MAX_SHOWN = 20
MAX_LINE = 200
POLL_INTERVAL_S = 0.01

KINDS = ("CLIENT", "SERVER", "PRODUCER", "CONSUMER")


class Wanted(NamedTuple):
    """The conditions on a span; None means no condition."""

    name: str | None
    kind: str | None  # "" for a local span
    service: str | None
    remote: str | None
    tags: Mapping[str, Any]
    error: bool | str | None

    def differences(self, span: FinishedSpan) -> list[str]:
        """The fields in which a span differs from the conditions; an empty list where it fits."""
        found = []
        for field, wanted, actual in (
            ("name", self.name, span.name),
            ("kind", self.kind, span.kind or ""),
            ("service", self.service, service_of(span)),
            ("remote", self.remote, span.remote.service_name if span.remote else ""),
        ):
            if wanted is not None and wanted.lower() != actual.lower():
                found.append(f"{field} is {_value(actual)}")
        tags = self.tags if self.error is None else {**self.tags, "error": _ERROR.get(self.error, self.error)}
        return found + [difference for key, value in tags.items() if (difference := _tag_difference(span, key, value))]

    def __str__(self) -> str:
        asked = [f"{field}={_value(value)}" for field, value in self._asdict().items() if value is not None and value != {}]
        return ", ".join(asked) or "anything"


_ERROR: Mapping[bool | str, Any] = {True: ..., False: None}


def _tag_difference(span: FinishedSpan, key: str, wanted: Any) -> str:
    """The difference of a tag; "..." means any value, None no such tag, and a compiled pattern is searched for."""
    actual = span.tags.get(key)
    if wanted is None:
        return "" if actual is None else f"tag {key} is {_value(actual)}"
    if actual is None:
        return f"tag {key} is absent"
    if wanted is ...:
        return ""
    fits = bool(wanted.search(actual)) if isinstance(wanted, re.Pattern) else tag_text(wanted) == actual
    return "" if fits else f"tag {key} is {_value(actual)}"


def tag_text(value: Any) -> str:
    """A tag's value as the tracer writes it: 200 is "200", True is "true"."""
    return value if isinstance(value, str) else to_text(value, MAX_LINE)


def _value(value: Any) -> str:
    return "..." if value is ... else printable(repr(value), MAX_LINE)


def described(span: FinishedSpan) -> str:
    """A span on one line, in the form of `assert_tree`: columns with two blanks between them."""
    remote = f"-> {span.remote.service_name}" if span.remote and span.remote.service_name else ""
    tags = [f"{key}={value}" for key, value in span.tags.items()]
    columns = [f"{service_of(span)}: {span.name}", span.kind or "", remote, *tags]
    return printable("  ".join(filter(None, columns)), MAX_LINE)


class Spans(list[FinishedSpan]):
    """Spans in the order of their ends.  `reasons`: the reasons why there may be fewer than expected, in words."""

    def __init__(self, spans: Iterable[FinishedSpan] = (), reasons: Callable[[], list[str]] = list) -> None:
        super().__init__(spans)
        self._reasons = reasons

    def _now(self) -> Spans:
        """The spans that are here at this moment."""
        return self

    def all(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        service: str | None = None,
        remote: str | None = None,
        tags: Mapping[str, Any] | None = None,
        error: bool | str | None = None,
    ) -> Spans:
        """All spans that meet the conditions.

        `kind` is CLIENT, SERVER, PRODUCER, CONSUMER or LOCAL; `service` and `remote` are the names of the service that reported
        the span and of the one that it calls.  `tags` are some of its tags: `...` stands for any value, None for no such tag,
        and a compiled pattern is searched for.  `error` is True, False, or the error's text.
        """
        wanted = _wanted(name, kind, service, remote, tags, error)
        return Spans([span for span in self if not wanted.differences(span)], self._reasons)

    # The arguments of `all` again, in place of **conditions, so that an editor completes them and mypy checks them.
    def one(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        service: str | None = None,
        remote: str | None = None,
        tags: Mapping[str, Any] | None = None,
        error: bool | str | None = None,
    ) -> FinishedSpan:
        """The only span that meets the conditions; AssertionError for none or several.  The arguments are those of `all`."""
        __tracebackhide__ = True
        wanted = _wanted(name, kind, service, remote, tags, error)
        now = self._now()
        found = [span for span in now if not wanted.differences(span)]
        if len(found) != 1:
            raise AssertionError(now._several_text(wanted, found) if found else now._none_text(wanted))
        return found[0]

    def named(self, name: str) -> Spans:
        """All spans of this name."""
        return self.all(name)

    def wait_for(self, count: int = 1, *, within: float = 5.0) -> Spans:
        """The spans, when there are at least `count`; AssertionError if that takes longer than `within` seconds.

        For spans that another thread or process finishes.
        """
        __tracebackhide__ = True
        deadline = monotonic() + within
        while len(self._now()) < count:
            if monotonic() > deadline:
                now = self._now()
                raise AssertionError(
                    f"{spans_in_words(count)} expected within {within:g} s, {now._list_text(now, 'there is', 'there are')}"
                    f"{now._reasons_text()}"
                )
            time.sleep(POLL_INTERVAL_S)
        return self._now()

    def _none_text(self, wanted: Wanted) -> str:
        near = sorted(self, key=lambda span: len(wanted.differences(span)))[:MAX_SHOWN]
        lines = [f"no span with {wanted}; {_count(len(self))} finished{':' if near else ''}"]
        for span in near:
            differences = wanted.differences(span)
            close = len(differences) < len([value for value in wanted if value]) or len(near) == 1
            lines.append(f"  {described(span)}" + (f"\n      but {', '.join(differences)}" if close else ""))
        return "\n".join(lines) + self._rest_text(len(self) - len(near)) + self._reasons_text()

    def _several_text(self, wanted: Wanted, found: list[FinishedSpan]) -> str:
        return (
            f"{len(found)} spans with {wanted}, but one is expected; give more conditions, or use all(...):\n"
            + "\n".join(f"  {described(span)}" for span in found[:MAX_SHOWN])
            + self._rest_text(len(found) - MAX_SHOWN)
        )

    def _list_text(self, spans: list[FinishedSpan], one: str, several: str) -> str:
        verb = one if len(spans) == 1 else several
        lines = [
            f"{verb} {len(spans) or 'none'}{':' if spans else ''}",
            *(f"  {described(span)}" for span in spans[:MAX_SHOWN]),
        ]
        return "\n".join(lines) + self._rest_text(len(spans) - MAX_SHOWN)

    @staticmethod
    def _rest_text(count: int) -> str:
        return f"\n  and {count} more" if count > 0 else ""

    def _reasons_text(self) -> str:
        return "".join(f"\n  {reason}" for reason in self._reasons())


def _count(count: int) -> str:
    return "none was" if count == 0 else "1 was" if count == 1 else f"{count} were"


def _wanted(
    name: str | None,
    kind: str | None,
    service: str | None,
    remote: str | None,
    tags: Mapping[str, Any] | None,
    error: bool | str | None,
) -> Wanted:
    return Wanted(name, None if kind is None else kind_of(kind), service, remote, tags or {}, error)


def kind_of(text: str) -> str:
    """A kind in capitals; "" for LOCAL; raises ValueError for any other word."""
    word = text.upper()
    if word in KINDS:
        return word
    if word not in ("LOCAL", ""):
        raise ValueError(f"kind is {text!r}; use {', '.join(KINDS)} or LOCAL")
    return ""
