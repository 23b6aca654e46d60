"""The other threads of a process that is about to end: they may need a moment to finish their work.

Rules: this file takes no lock, because it also runs in a signal handler.  So it finds threads by their frames and not through
`threading`.  A thread counts as busy unless it certainly waits for work.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

__all__ = ["await_others"]

_POLL_INTERVAL_S = 0.01
_OURS = "opentracing_zipkin."
# Functions of these modules only wait; the function that calls them shows whether the thread is busy.
_WAITING = ("threading", "socket")
# Module and function of the threads of servers and pools while they have nothing to do.
_IDLE = {
    ("concurrent.futures.thread", "_worker"),
    ("django.core.servers.basehttp", "handle_one_request"),  # of a connection that is kept alive
    ("http.server", "handle_one_request"),
    ("multiprocessing.connection", "_recv"),  # in uvicorn's workers, which wait for their parent
    ("multiprocessing.queues", "_feed"),  # with an empty queue; with a full pipe the innermost call is another one
    ("queue", "get"),  # in anyio, which runs the views of Starlette and FastAPI
    ("selectors", "select"),
    ("waitress.task", "handler_thread"),
}


def await_others(timeout_s: float) -> None:
    """Wait until every other thread has ended or waits for work, or until the time is over; a greenlet waits the whole time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and _are_others_busy():
        time.sleep(_POLL_INTERVAL_S)


def _are_others_busy() -> bool:
    frames = sys._current_frames()
    # None where gevent has patched `get_ident`: the frames of other greenlets cannot be seen.
    own = frames.pop(threading.get_ident(), None)
    return own is None or not all(map(_is_idle, frames.values()))


def _is_idle(frame: FrameType) -> bool:
    places = [place for place in _places(frame) if place[0] not in _WAITING]
    return not places or places[0] in _IDLE or places[-1][0].startswith(_OURS)


def _places(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    """Module and function of each call of a thread, the innermost first."""
    while frame is not None:
        yield frame.f_globals.get("__name__", ""), frame.f_code.co_name
        frame = frame.f_back
