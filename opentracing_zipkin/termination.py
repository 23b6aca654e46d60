"""SIGTERM: what waits is sent, and the process still ends by that signal.

Rules: only `configure` calls this, only on the main thread, and only where nobody else handles the signal.  The handler runs
between two instructions of the interrupted code, so it takes no lock that this code may hold.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["on_sigterm"]


def on_sigterm(drain: Callable[[], None]) -> bool:
    """Call `drain` when SIGTERM comes, and then end by it, with status -15; False where that is not ours to do."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return False

    def handle(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            drain()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, handle)
    return True
