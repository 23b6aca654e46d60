"""The settings, the numbers and the example of the page about propagation are those of the code."""

from __future__ import annotations

import inspect
import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from opentracing import Format
from opentracing_zipkin import ZipkinContext, ZipkinTracer, configure, deciding, tracer as tracer_module
from opentracing_zipkin.context import DECIDED, SAMPLED
from opentracing_zipkin.propagation import attributes, b3
from opentracing_zipkin.testing import InMemoryRecorder

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "propagation.md").read_text()


def test_the_settings_exist_with_these_defaults() -> None:
    """Each setting is an argument of ZipkinTracer, and those with a variable are arguments of `configure`."""
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", PAGE.split("\n## ", 1)[0], re.MULTILINE)
    parameters = inspect.signature(ZipkinTracer).parameters

    assert ["b3_format", "w3c", "baggage_fields", "trust_incoming", "shared_spans", "propagation"] == [name for name, _ in rows]
    assert rows == [(name, str(parameters[name].default)) for name, _ in rows]
    assert set(re.findall(r"`ZIPKIN_(\w+)`", PAGE)) <= {name.upper() for name in inspect.signature(configure).parameters}


def test_the_limits_are_those_of_the_code() -> None:
    """The page has the limits of the code for attributes, bytes and remembered decisions."""

    assert f"At most {attributes.MAX_ATTRIBUTES} attributes, of {attributes.MAX_ATTRIBUTES_BYTES:,} bytes in all" in PAGE
    assert f"up to {attributes.MAX_ATTRIBUTES_BYTES:,} characters" in PAGE
    assert f"at least the {tracer_module.MIN_REMEMBERED_JOINS:,} newest joins" in PAGE
    assert f"remembers {deciding.MAX_REMEMBERED_DECISIONS:,} such decisions" in PAGE


def test_the_headers_and_formats_are_those_of_the_code() -> None:
    """The page names each format, and each header that is written."""
    tracer = ZipkinTracer("service", b3_format="both", w3c=True, recorder=InMemoryRecorder())
    carrier: dict[str, str] = {}
    baggage = {"key": "v", "tracestate": "a=1"}
    tracer.inject(ZipkinContext(1, 2, 3, DECIDED | SAMPLED, baggage), Format.HTTP_HEADERS, carrier)

    assert all(f"`{name}" in PAGE for name in carrier if name != "ot-baggage-key")
    assert "`ot-baggage-{key}`" in PAGE
    assert all(f"`{b3_format}`" in PAGE for b3_format in b3.FORMATS)


def test_the_counters_exist() -> None:
    """The counters that the page names exist under these names."""
    tracer: Any = ZipkinTracer("service", recorder=InMemoryRecorder())
    for path in re.findall(r"`tracer\.([\w.]+)`", PAGE):
        counter = tracer
        for name in path.split("."):
            counter = getattr(counter, name)

        assert 0 == counter


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_an_example_prints_what_it_says(example: str) -> None:
    """An example prints the values that its comments show."""
    printed = io.StringIO()
    own = 'ZipkinTracer("checkout"'
    assert own in example
    with redirect_stdout(printed):  # unchanged, except that no span is sent
        exec(example.replace(own, own + ", recorder=InMemoryRecorder()"), {"InMemoryRecorder": InMemoryRecorder})

    assert re.findall(r"print\(.*\)  # (.*)", example) == printed.getvalue().split()
