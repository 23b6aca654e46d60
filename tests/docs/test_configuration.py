"""The reference of the configuration is true: the sender that it shows sends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .pages import blocks


def test_the_sender_of_ones_own_writes_the_span(tmp_path: Path) -> None:
    """The page's program writes one message with its span, although it neither flushes nor waits."""
    [code] = [text for _, text in blocks("reference/configuration.md") if text.startswith("# folder.py")]
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=30, check=True)
    [span] = json.loads((tmp_path / "spans-0.json").read_text())

    assert ["buy", "shop"] == [span["name"], span["localEndpoint"]["serviceName"]]
