"""typeshed's stubs of the archived package: names and signatures of ours agree with them where both have them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# What the superset adds to a signature: 0.5's constructor, the one argument Tornado's class took, a constructor hook.
ADDED = r"""
opentracing\.span\.Span\.__init__
opentracing\.scope_managers\.tornado\.ThreadSafeStackContext\.__init__
opentracing\.tracer\.Tracer\.__new__
"""


def test_the_signatures_agree_with_typesheds(tmp_path: Path) -> None:
    """`mypy.stubtest` compares what is imported with `types-opentracing`, and finds no difference but what was added."""
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
