"""The page about missing spans has all findings of the doctor, and its examples are real output of the doctor."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.doctor.catalogue import kinds
from opentracing_zipkin.doctor.probe import probes_of
from opentracing_zipkin.doctor.report import OK

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


def test_the_page_accounts_for_every_probe() -> None:
    """The page says how many spans are sent, and which of them the example counts as probes."""
    probes = probes_of(128)

    assert (20, 22) == (len(probes.spread), len(probes.spans))
    assert "sends 22 probe spans" in PAGE
    assert "20 of these spans show whether the server keeps every trace; two more are for the check of ids." in PAGE


def test_the_page_says_where_a_finding_has_its_code() -> None:
    """A finding's code is in backticks after its status; below **ok** it begins the line."""
    places = [f"- `{kind.code}`:" if kind.status == OK else f"**{kind.status}** `{kind.code}`:" for kind in kinds()]

    assert "the word in backticks after its status, for instance `refused`; below **ok** it is the first word" in PAGE
    assert [] == [place for place in places if f"\n{place}" not in PAGE]


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
