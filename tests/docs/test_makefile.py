"""Each target of the Makefile has a text in the help, and a target that cannot work says so at once."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][a-z-]*):(?!=)(.*)$", MAKEFILE, re.MULTILINE)


def test_each_target_is_phony_and_has_a_text_in_the_help() -> None:
    """Each target is phony, so that no file of its name stops it, and `make help` shows its text."""
    [phony] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)

    assert sorted(phony.split()) == sorted(name for name, _ in TARGETS)
    assert [] == [name for name, rest in TARGETS if " ## " not in f" {rest}"]


def test_targets_that_pages_name_exist() -> None:
    """Each `make something` in the README and in docs/ is a target of the Makefile."""
    pages = [ROOT / "README.md", ROOT / "RATIONALE.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"(?:`|\$ )make ([a-z][a-z-]*)", page.read_text())}

    assert {"demo", "bench-page"} <= named
    assert set() == named - {name for name, _ in TARGETS}


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
def taken_port(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port on which a socket listens, on loopback or on all addresses."""
    with socket.create_server((request.param, 0)) as listener:
        yield listener.getsockname()[1]


def test_the_zipkin_server_is_not_fetched_for_a_port_that_is_taken(taken_port: int, tmp_path: Path) -> None:
    """The port is checked before the download of 131 MB, and the message names the remedy."""
    cache = tmp_path / "cache"
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.zipkin_server"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(taken_port), "ZIPKIN_CACHE": str(cache), "PATH": str(tmp_path)},  # no Maven, no Java
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert 1 == done.returncode
    assert done.stderr.startswith(f"zipkin-server: port {taken_port} is taken, ")
    assert f"make zipkin PORT={taken_port + 1}" in done.stderr
    assert not cache.exists()
