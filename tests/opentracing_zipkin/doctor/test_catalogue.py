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


def test_the_manuals_first_example_is_what_the_doctor_says() -> None:
    """With the embedded collector, to the letter; of a line that ends with `…` the rest is not shown."""
    command, *expected = re.findall(r"```console\n\$ (.*?)```", PAGE, re.DOTALL)[0].splitlines()
    with Collector() as collector:
        url = collector.url
        done = doctor(ZIPKIN_ENDPOINT=url)
    printed = re.sub(r"\s+", " ", done.stdout.replace(url.rpartition(":")[2], "9411"))
    pattern = r"\s".join(re.escape(" ".join(line.split())).replace("…", ".*?") for line in expected if line)

    assert command.endswith("opentracing-zipkin doctor")
    assert re.fullmatch(pattern, printed.strip()), done.stdout
