"""The modules of `opentracing_zipkin.instrument` are imported at their first use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from opentracing_zipkin import instrument

INTERNAL = {"registry", "celery_redis", "sqlalchemy_drivers"}  # other modules of ours use these, and an application does not
FOLDER = Path(instrument.__file__).parent


def test_each_module_that_instruments_is_there_without_an_import() -> None:
    """`import opentracing_zipkin` is enough to use any module that has `install`; a name that is none raises AttributeError."""
    names = [path.stem for path in sorted(FOLDER.glob("*.py")) if re.search(r"^def install\(", path.read_text("utf-8"), re.M)]
    names = [name for name in names if name not in INTERNAL]
    code = f"""
import sys, opentracing_zipkin
assert "opentracing_zipkin.instrument" not in sys.modules
for name in {names}:
    getattr(opentracing_zipkin.instrument, name).install
try:
    opentracing_zipkin.instrument.no_library
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)

    assert "flask" in names
    assert ("module 'opentracing_zipkin.instrument' has no attribute 'no_library'\n", "") == (done.stdout, done.stderr)
