"""One policy is in force for each library, and after `uninstall` nothing is traced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from opentracing_zipkin.instrument import http, registry, requests as traced_requests
from opentracing_zipkin.instrument.http import DEFAULT, OFF, HttpPolicy, in_force
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing.loopback import LoopbackServer


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    traced_requests.uninstall()
    DEFAULT.on_request = DEFAULT.on_response = DEFAULT.sample = None
    DEFAULT.update(peers={})


@pytest.mark.parametrize(
    ("given", "present", "counts"),
    [
        (None, OFF, "default"),
        (None, DEFAULT, "default"),
        (None, "own", "own"),
        ("new", OFF, "new"),
        ("new", DEFAULT, "new"),
        ("new", "own", "new"),
    ],
)
def test_the_policy_that_is_given_counts_then_the_one_installed_then_the_default(given: Any, present: Any, counts: str) -> None:
    """A given policy is in force, else the installed one, else DEFAULT; so `configure` takes no policy away."""
    policies = {"own": HttpPolicy(), "new": HttpPolicy(), "default": DEFAULT}
    found = in_force(policies.get(given), policies.get(present, present))

    assert policies[counts] is found


def test_a_policy_of_a_library_outlives_a_later_configure(loopback: LoopbackServer, spans: list[FinishedSpan]) -> None:
    """`configure(instrument=True)` after `requests.install(policy)` leaves that policy in force."""
    traced_requests.install(HttpPolicy(peers={"127.0.0.1": "shelf"}))
    registry.install(["requests"])
    requests.get(loopback.url + "/", timeout=5)

    assert ["shelf"] == [span.remote.service_name for span in spans if span.remote]


def test_hooks_of_the_default_policy_are_called_for_all_libraries(loopback: LoopbackServer, spans: list[FinishedSpan]) -> None:
    """`DEFAULT.update` sets hooks, `sample` and `peers`, also for libraries that are installed already."""
    traced_requests.install()
    http.DEFAULT.update(on_request=lambda span, request: span.set_tag("team", "blue"), peers={"127.0.0.1": "shelf"})
    requests.get(loopback.url + "/", timeout=5)

    assert [("blue", "shelf")] == [(span.tags["team"], span.remote.service_name) for span in spans if span.remote]


def test_after_uninstall_ours_inside_anothers_patch_passes_on(loopback: LoopbackServer, spans: list[FinishedSpan]) -> None:
    """Inside another library's patch, ours cannot be taken out by `uninstall`, but traces nothing any more."""
    before = HTTPAdapter.send
    traced_requests.install()
    ours = HTTPAdapter.send

    def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ours(self, *args, **kwargs)

    HTTPAdapter.send = theirs  # type: ignore[method-assign, assignment]
    try:
        traced_requests.uninstall()
        requests.get(loopback.url + "/", timeout=5)
    finally:
        HTTPAdapter.send = before  # type: ignore[method-assign]

    assert [] == spans
    assert [] == [name for name in loopback.received[0].headers if "b3" in name]
