"""Each row of the page about delivery names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "reference" / "delivery.md").read_text()
ROWS = re.findall(r"^\| (?!Case|---)(.*?) \| (.*) \| ?(.*?) ?\|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("case", "test"), [(case, test) for case, _, test in ROWS])
def test_every_case_names_its_test(case: str, test: str) -> None:
    """Each case names its test, except the two ends of a process that no code of ours can survive."""
    if not test:
        assert case.startswith(("SIGKILL", "a worker of uWSGI"))
        return
    file, name = test.strip("`").split("::")
    path = (
        TESTS / file
        if file.startswith(("integration/", "interop/", "contract/", "docs/"))
        else TESTS / "opentracing_zipkin" / file
    )

    assert re.search(rf"^ *(def {name}\(|class {name}\b|{name}\b)", path.read_text(), re.MULTILINE)


def test_the_page_has_all_its_rows() -> None:
    """All lines of the table are read as rows."""

    assert len(ROWS) == len(re.findall(r"^\| (?!Case)", PAGE, re.MULTILINE)) >= 40
