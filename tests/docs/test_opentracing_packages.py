"""The page about packages for OpenTracing lists the tested packages in the tested versions."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
INTEROP = ROOT / "tests" / "interop"
PAGE = (ROOT / "docs" / "reference" / "opentracing-packages.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(\S+)` (\S+) \| (yes|in part|no) \| .*? \| ?(?:`(\S+)`)? ?\|$", PAGE, re.MULTILINE)


def test_the_packages_are_those_that_are_tried() -> None:
    """The page lists each tested package for OpenTracing, and one that cannot run and was only tried by hand."""
    lines = (INTEROP / "packages.txt").read_text().splitlines()
    others = (
        "#",
        "aiozipkin",
        "opentelemetry-exporter",
        "opentelemetry-instrumentation",
        "opentelemetry-util",
        "py_zipkin",
        "thrift",
        "httpbin",
    )
    tried = {line.lower() for line in lines if not line.startswith(others)}

    assert tried == {f"{name}=={version}".lower() for name, version, works, _ in ROWS if works != "no"}
    assert ["django-opentracing"] == [name for name, _, works, _ in ROWS if works == "no"]


def test_each_row_names_its_test() -> None:
    """Each row names its test, except the row of the package that cannot run."""
    assert [] == [name for name, _, works, test in ROWS if works != "no" and not (INTEROP / test).exists()]
    assert len(ROWS) == len(re.findall(r"^\| `", PAGE, re.MULTILINE))
