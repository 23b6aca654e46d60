"""The reporter's log calls: a log handler of the application's may raise, or take its time, and neither ends the thread."""

from __future__ import annotations

from ..log import log

__all__ = ["GuardedLog"]


class GuardedLog:
    """Used by the reporter's thread; `mute` and `speaking` by whoever waits for it at an end."""

    def __init__(self) -> None:
        self.speaking = False  # whether the thread is inside a log handler now
        self._muted = False

    def say(self, level: int, text: str, *, traceback: bool = False) -> None:
        """Log a line."""
        if self._muted:
            return
        self.speaking = True
        try:
            log.log(level, "zipkin: %s", text, exc_info=traceback)
        except BaseException:  # whatever the application's log handlers do
            pass
        finally:
            self.speaking = False

    def mute(self) -> None:
        """Begin no log call any more: the process is past its deadline."""
        self._muted = True
