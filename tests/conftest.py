"""Settings for all tests."""

from __future__ import annotations

import gc
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.machine import forget_settings

pytest.register_assert_rewrite("tests.contract.sender_contract")

# Each run of the same files has the same examples, so that a failure is due to the tested change.  Hypothesis also takes
# constants from our modules that are imported, so a run of other files has other examples.  `make fuzz` draws new and more.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "fuzz",
    max_examples=2_500,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("repeatable")

# A shell ignores SIGINT in its background jobs, and the programs that the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Forget the settings of the machine, after pytest has read its own and before a test module is imported."""
    forget_settings()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse an id with an address, which differs from process to process: pytest-xdist and a rerun by id need the same ids."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: give this parameter the id of tests.ids.stable_repr, or one of its own")


def pytest_collection_finish() -> None:
    """Take the collected tests, half a million objects, out of the garbage collector: a full pass takes 3 µs instead of 0.26 s."""
    gc.collect()
    gc.freeze()
