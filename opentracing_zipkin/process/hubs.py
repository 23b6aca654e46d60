"""gevent's hub: the event loop of greenlets, which a signal's handler may interrupt and which must not wait.

eventlet's is left out: it could not be woken for what the handler leaves to a greenlet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["call_outside_hub"]


def call_outside_hub(act: Callable[[], None]) -> None:
    """`act` may wait: where the hub is running, a greenlet does it soon; elsewhere it is done now."""
    gevent: Any = sys.modules.get("gevent")
    hub: Any = sys.modules.get("gevent.hub")
    if gevent is not None and hub is not None and isinstance(gevent.getcurrent(), hub.Hub):
        gevent.spawn(act)
    else:
        act()
