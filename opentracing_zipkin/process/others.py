"""The other threads of a process that is about to end: what they are at may take a moment to end.

Rules: takes no lock, because it runs in a signal's handler, too; so threads are known by their frames and not by `threading`.
A thread counts as busy unless it certainly waits for work.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

__all__ = ["await_others"]

_POLL_S = 0.01
_OURS = "opentracing_zipkin."
# Of the standard library's waiting only the caller is of interest.
_WAITING = ("threading", "socket")
# Module and function in which the threads of servers and pools are while they have nothing to do.
_IDLE = {
    ("concurrent.futures.thread", "_worker"),
    ("django.core.servers.basehttp", "handle_one_request"),  # of a connection that is kept alive
    ("http.server", "handle_one_request"),
    ("multiprocessing.connection", "_recv"),  # of uvicorn's workers, which wait for their parent
    ("multiprocessing.queues", "_feed"),  # with an empty queue; with a full pipe it is deeper
    ("queue", "get"),  # of anyio, which runs the views of Starlette and FastAPI
    ("selectors", "select"),
    ("waitress.task", "handler_thread"),
}


def await_others(timeout_s: float) -> None:
    """Until every other thread has ended or waits for work, or for so long; in a greenlet always for so long."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and _are_others_busy():
        time.sleep(_POLL_S)


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
