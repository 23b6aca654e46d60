"""requests: a span for each physical request of any session, redirects and authentication included.

Rules: works at the adapter, so that a session's own `send` and mounted adapters stay what they are.  An adapter that is no
HTTPAdapter, and all of them while a test mocks `HTTPAdapter.send`, is traced by a stand-in that `Session.get_adapter` gives.
"""

from __future__ import annotations

from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter

from .client import INSIDE, calling
from .http import DEFAULT, HttpPolicy
from .patching import Patches
from .urllib3 import end_with_body, watch_bodies
from .urls import address_and_path

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = DEFAULT


def install(policy: HttpPolicy | None = None) -> None:
    """Trace the requests of all sessions; `policy`: None for the one that `configure` fills."""
    global _policy
    _policy = policy or DEFAULT
    if not _patches:
        watch_bodies()
        _patches.replace(HTTPAdapter, "send", _sending)
        _patches.replace(Session, "get_adapter", _getting)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    _patches.undo()


def _sending(original: Any) -> Any:
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        called = calling(_policy)
        if called is None:
            return original(self, request, *args, **kwargs)
        address, path = address_and_path(request.url)
        call = called.start(request.method, address, path, request.headers, request, _header)
        if call is None:
            return original(self, request, *args, **kwargs)
        token = INSIDE.set(True)
        try:
            response = original(self, request, *args, **kwargs)
        except BaseException as error:
            call.end(0, None, error, request.url)
            raise
        finally:
            INSIDE.reset(token)
        end_with_body(response.raw, call, response.status_code, response)
        return response

    send.is_ours = True  # type: ignore[attr-defined]
    return send


def _getting(original: Any) -> Any:
    def get_adapter(self: Any, *args: Any, **kwargs: Any) -> Any:
        adapter = original(self, *args, **kwargs)
        if isinstance(adapter, HTTPAdapter) and hasattr(HTTPAdapter.send, "is_ours"):
            return adapter
        return _StandIn(adapter)

    return get_adapter


class _StandIn:
    """An adapter whose `send` is traced, and that is the other one in everything else."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self.send = _sending(type(adapter).send).__get__(adapter)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


def _header(request: Any, name: str) -> str | None:
    value = request.headers.get(name)
    return value.decode("latin-1") if isinstance(value, bytes) else value
