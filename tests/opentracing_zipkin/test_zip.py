"""The package in a zip file, as a bundler or a zipapp has it: every file that it reads is found there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import opentracing
import opentracing_zipkin
from opentracing_zipkin.codec import ENCODINGS

ROUND_TRIP = """
import opentracing_zipkin
from opentracing_zipkin.codec import encoder_named
assert "packages.zip" in opentracing_zipkin.__file__
codec = encoder_named({encoding!r})
span = opentracing_zipkin.FinishedSpan("a".zfill(16), "b".zfill(16), name="get", timestamp_us=1, duration_us=1)
[read] = codec.decode(codec.join([codec.encode(span)]))
print(read.name)
"""
CONFIGURED = """
import opentracing_zipkin
from opentracing_zipkin.collector import Collector
assert "packages.zip" in opentracing_zipkin.__file__
with Collector() as collector:
    tracer = opentracing_zipkin.configure("service", endpoint=collector.url, encoding={encoding!r})
    tracer.start_span("get").finish()
    print("get" if tracer.flush(10) else "lost")
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zip") / "packages.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for package in (Path(opentracing_zipkin.__file__).parent, Path(opentracing.__file__).parent):
            for file in package.rglob("*"):
                archive.write(file, file.relative_to(package.parent))
    return path


@pytest.mark.parametrize("code", [ROUND_TRIP, CONFIGURED], ids=["codec", "tracer and collector"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_works_from_a_zip_file(archive: Path, code: str, encoding: str) -> None:
    """Modules are imported by statements, and data is read as resources."""
    environment = {**os.environ, "PYTHONPATH": str(archive)}
    command = [sys.executable, "-c", code.format(encoding=encoding)]
    done = subprocess.run(command, cwd=archive.parent, env=environment, capture_output=True, text=True, timeout=30, check=False)

    assert ("get\n", "") == (done.stdout, done.stderr)
