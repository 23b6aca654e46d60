"""Our names and signatures agree with typeshed's stubs of the archived package, as far as both have them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# The signatures that our package extends: 0.5's constructor of Span, Tornado's class, which takes one argument, and a
# `__new__`.
ADDED = r"""
opentracing\.span\.Span\.__init__
opentracing\.scope_managers\.tornado\.ThreadSafeStackContext\.__init__
opentracing\.tracer\.Tracer\.__new__
"""


def test_the_signatures_agree_with_typesheds(tmp_path: Path) -> None:
    """`mypy.stubtest` compares our package with `types-opentracing`, and finds only the differences that were added."""
    allowed = tmp_path / "allowed"
    allowed.write_text(ADDED)
    compared = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy.stubtest",
            "opentracing",
            "--ignore-missing-stub",
            "--concise",
            "--allowlist",
            str(allowed),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )

    assert (0, "") == (compared.returncode, compared.stdout), compared.stderr
