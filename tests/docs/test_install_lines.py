"""A page that imports a package tells how to install it."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [*sorted((DOCS / "how-to").glob("*.md")), DOCS / "getting-started.md"]
OURS = {"opentracing", "opentracing_zipkin"}
# The name of the package, another package, or an extra of ours, that brings the imported module.
BROUGHT_BY = {
    "confluent_kafka": "[kafka]",
    "jaeger_client": "jaeger-client",
    "opentelemetry": "[otel",
    "prometheus_client": "[prometheus]",
    "starlette": "fastapi",
    "werkzeug": "flask",
}


def imported(page: str) -> set[str]:
    """The packages of others that the examples of a page import."""
    names: set[str] = set()
    for code in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names.add(node.module.partition(".")[0])
    files = set(re.findall(r"^# (\w+)\.py$", page, re.MULTILINE))
    return names - OURS - files - sys.stdlib_module_names


def missing_in(page: str) -> set[str]:
    """The imported packages that no `pip install` of the page names."""
    installed = " ".join(re.findall(r"pip install ([^`#]*)", page))
    return {name for name in imported(page) if BROUGHT_BY.get(name, name) not in installed}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_installs_what_it_imports(path: Path) -> None:
    """Each package that an example imports is in a `pip install` on the same page."""
    assert set() == missing_in(path.read_text("utf-8"))


def test_a_package_that_is_not_installed_is_found() -> None:
    """A page without the line for an imported package is refused."""
    page = "```python\nimport flask\nfrom requests import get\nimport json\n```\n"

    assert {"flask", "requests"} == missing_in(page)
    assert {"requests"} == missing_in(page + "`pip install flask`")
