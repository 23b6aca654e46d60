"""The names of the pages are there: `opentracing_zipkin.x.y` works as soon as the imports that its page shows are done."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FILES = {"opentracing_zipkin.pth"}  # not a name of Python

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_NAME = re.compile(r"(?<![\w./-])opentracing(?:_zipkin)?(?:\.[A-Za-z_]\w*)+")
_IMPORT = re.compile(r"^\s*(?:import|from) opentracing.*$", re.MULTILINE)

# Each page is checked in a fork of a process that has imported the two packages only, so a page does not use the imports of others.
CHECK = """
import json, os, sys
from importlib import import_module
import opentracing_zipkin.settings, opentracing_zipkin.testing  # imports also the libraries that most pages need

for name in [name for name in sys.modules if name.partition(".")[0] in ("opentracing", "opentracing_zipkin")]:
    del sys.modules[name]
import opentracing, opentracing_zipkin

def find(name):
    package, *rest = name.split(".")
    value = globals()[package]
    for attribute in rest:
        if attribute != "active_span":
            value = getattr(value, attribute)
        else:
            value = opentracing.Span  # the no-op tracer has none

def check(imports, names):
    for line in imports:
        try:
            exec(line, {})
        except Exception as error:
            yield f"{line}: {error!r}"
    for name in names:
        try:
            find(name)
        except Exception as error:
            try:  # where a page names a module, the reader imports it
                import_module(name)
            except Exception:
                yield f"{name}: {error!r}"

for page, (imports, names) in json.load(sys.stdin).items():
    child = os.fork()
    if not child:
        for line in check(imports, names):
            print(f"{page}: {line}")
        sys.stdout.flush()
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1], page
"""


def imports_of(code: str) -> list[str]:
    """The statements of a block of Python that import our packages, as text."""
    statements = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [line for line in map(ast.unparse, statements) if _IMPORT.match(line)]


def shown_by(page: Path) -> tuple[list[str], list[str]]:
    """The imports of our packages that the page shows, in blocks or in words, and the dotted names that it shows."""
    text = page.read_text("utf-8")
    blocks = _BLOCK.findall(text)
    words = _SPAN.findall(_BLOCK.sub("", text))
    imports = [line for language, code in blocks if language == "python" for line in imports_of(code)]
    imports += [line for word in words if _IMPORT.match(word) for line in imports_of(word)]
    code = [_IMPORT.sub("", code) for _, code in blocks] + [word for word in words if not _IMPORT.match(word)]
    return imports, sorted({name for part in code for name in _NAME.findall(part)} - FILES)


@pytest.mark.timeout(180)  # 5 s of CPU
def test_each_name_is_there_after_the_imports_of_its_page() -> None:
    """Each dotted name of README.md and docs/ is an attribute of its package after the imports that its page shows."""
    shown = {page.relative_to(ROOT).as_posix(): shown_by(page) for page in PAGES}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], input=json.dumps(shown), capture_output=True, text=True, timeout=150, check=False
    )

    assert ("", 0) == (done.stdout, done.returncode), done.stdout + done.stderr
    assert "opentracing_zipkin.instrument.threads.install" in shown["docs/how-to/threads.md"][1]
    assert "from opentracing_zipkin.instrument import wsgi" in " ".join(map(str, shown.values()))


def test_names_are_found_in_words_and_in_examples() -> None:
    """A name is found in the middle of a line of code or of words; the imports of an example are not names."""
    names = _NAME.findall("x = opentracing_zipkin.otel.install(a, opentracing.Format.TEXT) # docs/opentracing.md")

    assert ["opentracing_zipkin.otel.install", "opentracing.Format.TEXT"] == names
    assert ["import opentracing_zipkin.otel"] == imports_of("import os\ndef f():\n    import opentracing_zipkin.otel\n")
