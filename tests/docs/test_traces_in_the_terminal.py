"""The commands of the page about the terminal print what it shows, and a collector accepts its file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from opentracing_zipkin.__main__ import main
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.conversion.reading import MAX_FILE_BYTES

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "traces-in-the-terminal.md").read_text("utf-8")
COMMANDS = re.findall(r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)", PAGE, re.MULTILINE)


def test_the_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    """The commands of the page, run in one folder from its top to its end, print what it shows."""
    [(file, text)] = re.findall(r"Here is `(.*?)`:\n\n```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / file).write_text(text)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command, shown in COMMANDS:
        if command.startswith("curl"):
            continue
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=30, check=False
        )  # fmt: skip
        assert shown == "".join(f"{line.rstrip()}\n" for line in (done.stdout + done.stderr).splitlines())

    [curl] = [command for command, _ in COMMANDS if command.startswith("curl")]
    found = re.search(r"@(\S+) -H '(.*?): (.*?)' http://127.0.0.1:9411(\S+)", curl)
    assert found is not None
    with Collector() as collector:
        body = (tmp_path / found[1]).read_bytes()
        urllib.request.urlopen(urllib.request.Request(collector.url + found[4], body, {found[2]: found[3]}), timeout=10).close()
        [spans] = collector.store.traces()

    assert ["post /checkout", "post /charge"] == [span.name for span in spans]


def test_the_page_names_options_and_bounds_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Each option on the page is an option of its command, and the size limit is that of the code."""
    helps = ""
    for command in ("decode", "collector", "demo"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        helps += capsys.readouterr().out

    assert [] == [option for option in re.findall(r"(?<!\w)--(?!data)[a-z-]+", PAGE) if option not in helps]
    assert f"{MAX_FILE_BYTES // 1024**2} MiB" in PAGE
