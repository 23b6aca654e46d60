"""urllib3: the end of an answer's body, for all that is built on it."""

from __future__ import annotations

import sys
from typing import Any

from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from .client import Call
from .patching import Patches

__all__ = ["end_with_body", "watch_bodies"]

_bodies = Patches()
_KEY = "_opentracing_zipkin_call"


def watch_bodies() -> None:
    """From now on a response ends its call when its body has been read, or is closed."""
    if not _bodies:
        _bodies.replace(HTTPResponse, "release_conn", _ending)
        _bodies.replace(HTTPResponse, "close", _ending)


def end_with_body(raw: Any, call: Call, status: int, native: Any) -> None:
    """End `call` with the body of `raw`; at once where there is nothing to be read from a connection."""
    received = getattr(raw, "_original_response", None)
    if received is None or received.isclosed() or not isinstance(raw, HTTPResponse):
        call.end(status, native)
    else:
        vars(raw)[_KEY] = (call, status, sys.exc_info()[1])


def _ending(original: Any) -> Any:
    def wrapped(self: HTTPResponse) -> None:
        original(self)
        watched = vars(self).pop(_KEY, None)
        if watched is not None:
            call, status, before = watched
            error = sys.exc_info()[1]  # urllib3 releases a broken connection while its exception is on the way
            call.end(status, None, error if error is not before and isinstance(error, HTTPError) else None)

    return wrapped
