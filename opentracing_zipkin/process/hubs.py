"""gevent's hub: the event loop of greenlets, which a signal handler may interrupt and which must not wait.

eventlet's hub is left out: the handler could not wake it for work that it leaves to a greenlet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["call_outside_hub"]


def call_outside_hub(act: Callable[[], None]) -> None:
    """Call `act`, which may wait: in a new greenlet where the hub is running, otherwise at once."""
    gevent: Any = sys.modules.get("gevent")
    hub: Any = sys.modules.get("gevent.hub")
    if gevent is not None and hub is not None and isinstance(gevent.getcurrent(), hub.Hub):
        gevent.spawn(act)
    else:
        act()
