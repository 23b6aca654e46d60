"""How long an end may wait: as long as the collector accepts spans, a while after the last one, and never beyond a limit."""

from __future__ import annotations

from collections.abc import Callable

from .account import Account
from .state import State

__all__ = ["await_end"]


def await_end(
    account: Account,
    state: State,
    *,
    stall_s: float,
    total_s: float,
    now: Callable[[], float],
    wait: Callable[[], None],
) -> None:
    """Call `wait`, which takes a moment, until nothing is pending, or nothing was accepted for `stall_s`, or for `total_s`."""
    start = last = now()
    sent = account.sent
    while account.pending and state.sends:
        wait()
        at = now()
        if account.sent != sent:
            sent, last = account.sent, at
        if at - last > stall_s or at - start > total_s:
            return
