"""No tracing, but B3's headers on each request: what a tracer that propagates cannot cost less than."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

__all__ = ["client", "server"]

_HEADERS = {
    "x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124",
    "x-b3-spanid": "a2fb4a1d1a96d312",
    "x-b3-parentspanid": "0020000000000001",
    "x-b3-sampled": "0",
}
_nothing = nullcontext()


def server(method: str, path: str, headers: Any) -> Any:
    return _nothing


def client(method: str, path: str, headers: dict[str, str]) -> Any:
    """`headers` are to be sent with the request."""
    headers.update(_HEADERS)
    return _nothing
