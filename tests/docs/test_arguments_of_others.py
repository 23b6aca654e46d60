"""An argument of another tracer is answered with the setting that the page on coming from that tracer gives in its place."""

from __future__ import annotations

import inspect
import re

import pytest

from opentracing_zipkin import ZipkinTracer, configure
from opentracing_zipkin.option import _OURS

from .pages import DOCS

SETTINGS = {*inspect.signature(configure).parameters, *inspect.signature(ZipkinTracer).parameters}
# Names in the tables that are no arguments of a tracer: a package, and an argument of each request.
NO_ARGUMENTS = {"opentracing_instrumentation", "trace_request_ctx"}


def rows() -> list[tuple[set[str], set[str], set[str]]]:
    """For each row of the tables: all words of the left cell, its arguments, and the settings in the right cell."""
    found = []
    for page in ("py-zipkin", "jaeger-client", "aiozipkin", "opentelemetry-sdk"):
        text = (DOCS / "how-to" / f"from-{page}.md").read_text("utf-8")
        for left, right in re.findall(r"^\| (.*?) \| (.*) \|$", text, re.MULTILINE):
            code = "".join(re.findall("`.*?`", left))
            arguments = {one or other for one, other in re.findall(r"\b([a-z]\w*)=|`([a-z0-9]+_\w+)`", code)}
            settings = {one or other for one, other in re.findall(r"\b(\w+)=|`(\w+)`", right)} & SETTINGS
            found.append(({*re.findall(r"\w+", code)}, arguments, settings))
    return found


@pytest.mark.parametrize("name", _OURS)
def test_an_argument_of_another_tracer_is_answered_with_ours(name: str) -> None:
    """`configure` raises TypeError that names our settings, and a row of the tables has the same pair."""
    with pytest.raises(TypeError) as raised:
        configure("shop", **{name: 1})

    assert f"configure() has no argument {name!r}; use {' or '.join(_OURS[name])} instead" == str(raised.value)
    assert any(name in words and {*_OURS[name]} <= settings for words, _, settings in rows())


def test_every_argument_in_the_tables_is_answered() -> None:
    """Each argument of another tracer whose row names a setting of ours is answered with a setting of that row."""
    replaced = [(name, settings) for _, names, settings in rows() for name in names - SETTINGS - NO_ARGUMENTS if settings]

    assert 10 < len(replaced)
    assert [] == [(name, settings) for name, settings in replaced if not settings & {*_OURS.get(name, ())}]
