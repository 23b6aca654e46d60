"""The page about missing spans has all findings of the doctor, and its examples are real output of the doctor."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.doctor.catalogue import kinds

from ..opentracing_zipkin.doctor.servers import service
from ..opentracing_zipkin.doctor.test_report import doctor

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text("utf-8")


def test_the_page_has_every_finding_with_its_remedy() -> None:
    """The page is equal to the one that `make settings` writes from the declarations, and has every finding."""
    command = [sys.executable, str(ROOT / "scripts" / "write-troubleshooting"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert [] == [kind.code for kind in kinds() if f"`{kind.code}`" not in PAGE]


def test_the_examples_are_what_the_doctor_says() -> None:
    """The examples are the doctor's exact output with the embedded collector and a service; `…` stands for omitted text."""
    examples = [example.split("\n", 1) for example in re.findall(r"```console\n\$ (.*?)```", PAGE, re.DOTALL)]
    with Collector() as collector, service(collector.url) as shop:
        url = collector.url
        printed = [doctor(ZIPKIN_ENDPOINT=url), doctor("--url", f"{shop.url}/buy/tea", ZIPKIN_ENDPOINT=url)]
    texts = [one.stdout.replace(url.rpartition(":")[2], "9411").replace(str(shop.port), "8000") for one in printed]
    patterns = [re.escape(" ".join(expected.split())).replace("…", ".*?") for _, expected in examples]

    assert ["doctor", "http://127.0.0.1:8000/buy/tea"] == [command.split()[-1] for command, _ in examples]
    assert [True, True] == [
        re.fullmatch(pattern, " ".join(text.split())) is not None for pattern, text in zip(patterns, texts, strict=True)
    ], texts
