"""An application bundled by PyInstaller has all our modules and data files, without any option of its build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin.codec import ENCODINGS

from .processes import PROJECT

APPLICATION = Path(__file__).parent / "apps" / "bundled.py"


@pytest.mark.timeout(300)  # a build took 16 s on a quiet machine
def test_a_bundled_application_sends_in_every_encoding_and_serves_the_collectors_page(tmp_path: Path) -> None:
    """Our hook for PyInstaller names the parts that it cannot find: data files, imports of compiled code, and the version."""
    folders = [f"--{kind}path={tmp_path / kind}" for kind in ("dist", "work", "spec")]
    command = [sys.executable, "-m", "PyInstaller", "--log-level=WARN", f"--paths={PROJECT}", *folders, str(APPLICATION)]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert 0 == built.returncode, built.stderr

    done = subprocess.run([tmp_path / "dist" / "bundled" / "bundled"], cwd="/", capture_output=True, text=True, timeout=60)

    expected = [*[f"{encoding} True" for encoding in ENCODINGS], "page 200 frozen True"]
    assert (expected, "") == (done.stdout.splitlines()[:-1], done.stderr)
    assert done.stdout.splitlines()[-1].startswith("opentracing 2.")
