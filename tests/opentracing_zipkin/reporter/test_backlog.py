"""The backlog alone: when an offer has to call for the reporter's thread."""

from __future__ import annotations

import pytest

from opentracing_zipkin.reporter.backlog import Backlog


@pytest.mark.parametrize(
    ("capacity", "wake_at", "unheard"),
    [(50_000, 2000, 2000), (1000, 2000, 500), (3, 2000, 1), (1, 2000, 1)],
    ids=["a long queue", "a shorter one", "three", "one"],
)
def test_the_thread_is_woken_while_there_is_still_room(capacity: int, wake_at: int, unheard: int) -> None:
    """At `wake_at`, or where half of the queue is full, if that is earlier; no offer before that calls for it."""
    called: list[int] = []
    backlog = Backlog(capacity, wake_at, lambda: True, lambda: called.append(len(backlog) - 1), lambda cause: None)
    backlog.attended()
    for span in range(min(capacity, unheard + 2)):
        backlog.offer(span)

    assert list(range(unheard, min(capacity, unheard + 2))) == called
