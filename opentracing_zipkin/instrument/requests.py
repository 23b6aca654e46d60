"""requests: a span for each physical request of any session, also for redirects and steps of authentication.

Rules: the adapters are wrapped, so that a session's own `send` and its mounted adapters are not changed.  Two places are
replaced: `HTTPAdapter.send`, which its subclasses call, and the `send` of every other subclass of BaseAdapter.  For an adapter
of neither kind, and while a test mocks `HTTPAdapter.send`, `Session.get_adapter` returns a traced stand-in.
"""

from __future__ import annotations

import functools
from collections.abc import ItemsView, Iterator
from typing import Any

from requests import PreparedRequest, RequestException, Session
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict

from . import urllib3
from .client import CURRENT_CALL, Call, Calling, calling, stale
from .http import OFF, HttpPolicy, check_policy, in_force
from .other_instrumentations import stand_back
from .patching import Patches
from .urls import address_and_path

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = OFF
_new = object.__new__
_UNMOCKED = ("NoMockAddress", "_RunRealHTTP")  # requests-mock's adapter raises them for a request that it does not answer
_MARK = "_opentracing_zipkin_sends"  # an attribute that marks our functions


def install(policy: HttpPolicy | None = None) -> None:
    """Trace the requests of all sessions; `policy`: None for the policy that `configure` fills."""
    global _policy
    check_policy(policy)
    if stand_back("requests") is not None:
        return
    _policy = in_force(policy, _policy)
    if not _patches:
        urllib3.watch("requests")
        _patches.replace(HTTPAdapter, "send", _sending)
        _patches.replace(Session, "get_adapter", _getting)
        _patches.replace(BaseAdapter, "__init_subclass__", _subclassing)
        _trace_subclasses(BaseAdapter)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    global _policy
    _policy = OFF
    _patches.undo()
    urllib3.unwatch("requests")


def _trace_subclasses(owner: Any) -> None:
    for one in owner.__subclasses__():
        if not issubclass(one, HTTPAdapter):
            _trace_class(one)
            _trace_subclasses(one)


def _trace_class(adapter: Any) -> None:
    if callable(vars(adapter).get("send")):
        _patches.replace(adapter, "send", _sending)


def _subclassing(original: Any) -> Any:
    def init_subclass(cls: Any, /, **kwargs: Any) -> None:
        super(BaseAdapter, cls).__init_subclass__(**kwargs)  # BaseAdapter has no `__init_subclass__` of its own
        if not issubclass(cls, HTTPAdapter):
            _trace_class(cls)

    return classmethod(init_subclass)


def _sending(original: Any) -> Any:
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        called = calling(_policy)
        if called is None:
            return original(self, request, *args, **kwargs)
        outer = CURRENT_CALL.get()
        if outer is not None and outer.headers is getattr(request, "headers", None):  # an adapter that calls another one
            return original(self, request, *args, **kwargs)
        begun = _begin(called, request)
        if begun is None:
            return original(self, request, *args, **kwargs)
        call, sent = begun
        token = CURRENT_CALL.set(call)
        try:
            response = original(self, sent, *args, **kwargs)
        except BaseException as error:
            if isinstance(error, RequestException) and error.request is sent:
                error.request = request
            if type(error).__name__ in _UNMOCKED:
                call.discard()
            else:
                call.end(error)
            raise
        finally:
            CURRENT_CALL.reset(token)
        if getattr(response, "request", None) is sent:
            response.request = request
        urllib3.end_with_body(getattr(response, "raw", None), call, response.status_code, response)
        return response

    setattr(send, _MARK, True)
    return send


def _begin(called: Calling, request: Any) -> tuple[Call, Any] | None:
    """The call, and a copy of the request to send; the application may send its own prepared request again."""
    try:
        sent = _new(type(request))
        sent.__dict__.update(request.__dict__)
        given: Any = request.headers
        address, path = address_and_path(request.url)
        if type(given) is CaseInsensitiveDict:
            headers: Any = _new(_Headers)
            sent.headers = headers
            headers._store = store = given._store.copy()  # type: ignore[attr-defined]  # 4 µs less than its own `copy`
            call = called.start(sent, request.method, address, path, request.url, _header)
            carrier = call.carrier()
            for name in stale(call, store):
                del store[name]
            for name in carrier:
                store[name] = (name, carrier[name])
        else:
            sent.headers = headers = CaseInsensitiveDict(given)
            call = called.start(sent, request.method, address, path, request.url, _header)
            carrier = call.carrier()
            for name in stale(call, [name.lower() for name in headers]):
                del headers[name]
            headers.update(carrier)
        call.headers = headers
        return call, sent
    except Exception as fault:
        called.tell(fault)
        return None


class _Headers(CaseInsensitiveDict):  # type: ignore[type-arg]  # no subscript at run time before requests 2.34
    """Headers as they are sent.  urllib3 copies them and reads the copy twice; doing both without look-ups saves 10 µs."""

    _store: Any

    def copy(self) -> _Headers:
        copied = _new(_Headers)
        copied._store = self._store.copy()
        return copied

    def update(self, *others: Any, **named: Any) -> None:
        if named or others != _NOTHING:  # without a proxy, urllib3 calls this with an empty dict of proxy headers
            super().update(*others, **named)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._store.values()])

    def items(self) -> ItemsView[str, Any]:
        return _Items(self)


_NOTHING: Any = ({},)


class _Items(ItemsView[str, Any]):
    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._mapping._store.values())  # type: ignore[attr-defined]


def _getting(original: Any) -> Any:
    def get_adapter(self: Any, *args: Any, **kwargs: Any) -> Any:
        adapter = original(self, *args, **kwargs)
        if isinstance(adapter, BaseAdapter) and hasattr(HTTPAdapter.send, _MARK):
            return adapter
        return _StandIn(adapter)

    return get_adapter


class _StandIn:
    """A stand-in for an adapter: its `send` is traced, and all other attributes are the adapter's."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self.send = functools.partial(_send, adapter)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


def _send_of(adapter: Any, request: PreparedRequest, *args: Any, **kwargs: Any) -> Any:
    return adapter.send(request, *args, **kwargs)


_send = _sending(_send_of)


def _header(request: Any, name: str) -> str | None:
    value = request.headers.get(name)
    return value.decode("latin-1") if isinstance(value, bytes) else value
