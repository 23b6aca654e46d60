"""A busy thread of ours offers the GIL to the application's threads, and does not sleep if no thread waits."""

from __future__ import annotations

import math
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from opentracing_zipkin.reporter import gil
from opentracing_zipkin.reporter.gil import Handover

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts who waits")


@pytest.fixture
def long_slices() -> Iterator[None]:
    """Other threads get the GIL only when it is offered."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def slept() -> list[float]:
    """The lengths of the sleeps."""
    return []


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The answers of Linux, one after the other."""
    answers: list[int] = []
    monkeypatch.setattr(gil, "getrusage", lambda who: SimpleNamespace(ru_nvcsw=answers.pop(0)))
    return answers


def test_a_thread_that_wakes_meanwhile_gets_its_turn(long_slices: None) -> None:
    """A thread that wakes while our thread works gets the GIL at the next offer."""
    for _ in range(5):
        awake: list[float] = []

        def sleeper(awake: list[float] = awake) -> None:
            time.sleep(0.005)
            awake.append(time.perf_counter())

        thread = threading.Thread(target=sleeper)
        thread.start()
        offers, end = Handover(), time.perf_counter() + 10
        while not awake and time.perf_counter() < end:
            work_until = time.perf_counter() + 0.000_2
            while time.perf_counter() < work_until:
                pass
            offers.offer_lock()
        in_time = bool(awake)
        thread.join()
        assert in_time


@on_linux
def test_where_nobody_waits_it_hardly_sleeps() -> None:
    """While no thread waits, a thousand offers sleep at most ten times."""
    program = """if True:
        from resource import RUSAGE_SELF, getrusage
        from opentracing_zipkin.reporter.gil import Handover
        offers = Handover()
        before = getrusage(RUSAGE_SELF).ru_nvcsw
        for _ in range(1000):
            offers.offer_lock()
        print(getrusage(RUSAGE_SELF).ru_nvcsw - before)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 1 <= int(done.stdout) <= 10


@on_linux
def test_it_sleeps_again_once_a_thread_has_gone_to_sleep(slept: list[float], count: list[int]) -> None:
    """An offer sleeps only if a thread has gone to sleep since the last sleep of ours."""
    offers = Handover(sleep=slept.append)
    count[:] = [7, 8]
    offers.offer_lock()
    assert [gil.MIN_SLEEP_S] == slept
    count[:] = [8, 8]
    offers.offer_lock()
    offers.offer_lock()
    assert 1 == len(slept)
    count[:] = [9, 10]
    offers.offer_lock()
    assert 2 == len(slept)


@on_linux
def test_who_goes_to_sleep_while_it_sleeps_is_not_overlooked(slept: list[float], count: list[int]) -> None:
    """A thread that goes to sleep during our own sleep makes the next offer sleep."""
    offers = Handover(sleep=slept.append)
    count[:] = [7, 9]
    offers.offer_lock()
    count[:] = [9, 10]
    offers.offer_lock()
    assert 2 == len(slept)


@on_linux
def test_where_sleeps_are_not_counted_it_always_sleeps(slept: list[float], count: list[int]) -> None:
    """If Linux counts no sleeps, as in some sandboxes, every offer sleeps."""
    offers = Handover(sleep=slept.append)
    count[:] = [0] * 6
    for _ in range(3):
        offers.offer_lock()
    assert 3 == len(slept)


def test_in_a_greenlet_an_alarm_lets_the_others_run(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a greenlet every offer waits, because Linux does not count waiting greenlets."""
    waited: list[float] = []
    monkeypatch.setattr(gil.Alarm, "wait", lambda alarm, seconds: waited.append(seconds))
    offers = Handover(in_greenlet=True, sleep=slept.append)
    for _ in range(3):
        offers.offer_lock()

    assert ([gil.MIN_SLEEP_S] * 3, []) == (waited, slept)


def test_a_mock_of_sleep_does_not_see_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mock of `time.sleep` in an application's test counts no sleep of ours."""
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("we slept"))
    monkeypatch.setattr(gil, "_switches", lambda: math.nan)

    Handover().offer_lock()


@pytest.mark.parametrize(("platform", "moment"), [("win32", 0.0), ("darwin", 1e-6)])
def test_elsewhere_it_always_sleeps(platform: str, moment: float, slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """On other systems than Linux every offer sleeps for the shortest time that the system has."""
    monkeypatch.setattr(sys, "platform", platform)
    elsewhere = runpy.run_path(str(Path(gil.__file__)), run_name=gil.__name__)
    assert math.isnan(elsewhere["_switches"]())
    offers = elsewhere["Handover"](sleep=slept.append)
    for _ in range(3):
        offers.offer_lock()
    assert [moment] * 3 == slept
