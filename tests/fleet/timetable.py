"""The course of a run: events at their times, with lines of progress in between."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

__all__ = ["Event", "follow", "say"]

REPORT_INTERVAL_S = 10.0


class Event(NamedTuple):
    """An event begins a `share` of the run's time after the end of the event before; `act` may take as long as it needs."""

    share: float
    name: str
    act: Callable[[], None]


def say(line: str) -> None:
    """Write a line of progress to standard error, because standard output has the balance alone."""
    print(f"fleet: {line}", file=sys.stderr, flush=True)


def follow(seconds: float, events: Sequence[Event], progress: Callable[[], str]) -> None:
    """Run the events at their times, then wait for the rest of the run.  A slow event does not shorten the next wait."""
    begin = time.monotonic()
    for event in events:
        _pass(begin, event.share * seconds, progress)
        say(f"{time.monotonic() - begin:5.0f} s  {event.name}")
        event.act()
    _pass(begin, (1 - sum(event.share for event in events)) * seconds, progress)


def _pass(begin: float, seconds: float, progress: Callable[[], str]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, REPORT_INTERVAL_S))
        say(f"{time.monotonic() - begin:5.0f} s  {progress()}")
