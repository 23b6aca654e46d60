"""Everything that can be found is declared once, is found by some case of these tests, and stands in the manual."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.doctor.catalogue import kinds
from opentracing_zipkin.doctor.report import FAULT, OK, WARNING, Kind

from .servers import service
from .test_report import doctor

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text("utf-8")
TESTS = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.code)
def test_a_kind_of_finding_is_whole(kind: Kind) -> None:
    """It has a name of its own, a text, and a remedy where something is wrong; some test expects it by its name."""

    assert kind.status in (OK, WARNING, FAULT)
    assert bool(kind.remedy) == (kind.status != OK)
    assert [kind] == [one for one in kinds() if one.code == kind.code]
    assert f'"{kind.code}"' in TESTS
    assert not kind.text.endswith(".")


def test_the_manual_has_every_finding_with_its_remedy() -> None:
    """The page is what `make settings` writes from the declarations."""
    command = [sys.executable, str(ROOT / "scripts" / "write-troubleshooting"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert [] == [kind.code for kind in kinds() if f"`{kind.code}`" not in PAGE]


def test_the_manuals_examples_are_what_the_doctor_says() -> None:
    """With the embedded collector and a service, to the letter; where `…` stands something is not shown."""
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
