"""If another package instruments a library, a request has one span, which is that package's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from .apps.stand_back import OTEL, OTHERS
from .processes import PROJECT

# Here our span is wanted, because the other package does not see the request.
NOT_THEIRS = ("opentelemetry requests, urllib3 used",)


@pytest.fixture(scope="module")
def measured() -> Mapping[str, Mapping[str, list[Any]]]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.interop.apps.stand_back"],
        cwd=PROJECT, capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    found: Mapping[str, Mapping[str, list[Any]]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("other", [*OTEL, *OTHERS])
def test_a_request_has_one_span_and_one_context(measured: Mapping[str, Any], other: str, order: str) -> None:
    """Whichever package is installed first, ours stands back, with one log line for each library."""
    found = measured[f"{other}, {order}"]
    said = found["said"]

    assert 1 == len(found["ours"]) + len(found["others"]), found
    assert all(len(names) == 1 for names in found["headers"]), found
    assert other not in OTEL or (other in NOT_THEIRS) == bool(found["ours"])
    assert len(said) == len({*said}) > 0, said
    assert all(line.endswith(("this package does not instrument it", "are left to the SDK")) for line in said), said
