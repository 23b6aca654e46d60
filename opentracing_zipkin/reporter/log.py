"""The reporter's log calls: a log handler of the application may raise or be slow, but must not end the reporter's thread."""

from __future__ import annotations

from ..log import log

__all__ = ["GuardedLog"]


class GuardedLog:
    """Logs for the reporter's thread; a thread that waits for that one to end uses `mute` and `is_logging`."""

    def __init__(self) -> None:
        self.is_logging = False  # whether the thread is inside a log handler now
        self._muted = False

    def say(self, level: int, text: str, *, traceback: bool = False) -> None:
        """Log a line; never raises."""
        if self._muted:
            return
        self.is_logging = True
        try:
            log.log(level, "zipkin: %s", text, exc_info=traceback)
        except BaseException:  # the application's log handlers may raise anything
            pass
        finally:
            self.is_logging = False

    def mute(self) -> None:
        """Log nothing from now on, because the process is past its deadline."""
        self._muted = True
