"""Every possible finding is declared once, and a case of these tests makes the doctor find it."""

from __future__ import annotations

from pathlib import Path

import pytest

from opentracing_zipkin.doctor.catalogue import kinds
from opentracing_zipkin.doctor.report import FAULT, OK, WARNING, Kind

TESTS = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.code)
def test_a_kind_of_finding_is_whole(kind: Kind) -> None:
    """A kind has a unique code, a text, and a remedy unless all is well; some test names its code."""

    assert kind.status in (OK, WARNING, FAULT)
    assert bool(kind.remedy) == (kind.status != OK)
    assert [kind] == [one for one in kinds() if one.code == kind.code]
    assert f'"{kind.code}"' in TESTS
    assert not kind.text.endswith(".")
