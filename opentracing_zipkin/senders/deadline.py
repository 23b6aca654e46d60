"""An HTTP connection that keeps a deadline for the whole answer, where a socket's timeout is for each piece of it.

Rules: a server that sends a byte now and then would hold the reporter for ever.  The deadline is that of the calling thread,
and each read may take no longer than what is left of it.
"""

from __future__ import annotations

import http.client
import io
import os
import threading
import time
import weakref
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager

__all__ = ["DeadlineAdapter", "drop_inherited_connections", "set_deadline"]

_current = threading.local()
_connections: weakref.WeakSet[Any] = weakref.WeakSet()


def set_deadline(at_s: float) -> None:
    """When answers to this thread's requests must be complete, in monotonic seconds."""
    _current.at_s = at_s


def drop_inherited_connections() -> None:
    """In a forked process: close our descriptors of the parent's connections, without urllib3's locks."""
    for connection in list(_connections):
        _connections.discard(connection)
        sock, connection.sock = connection.sock, None
        if sock is not None and sock.fileno() >= 0:
            os.close(sock.detach())


class _Reader(io.RawIOBase):
    """The socket's bytes, each read with the time that is left as its timeout."""

    def __init__(self, connection: Any, raw: Any) -> None:
        self._connection = connection
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _current.at_s - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._connection.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_Reader(sock, raw))


class _Connection(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        super().connect()
        _connections.add(self)


class _TLSConnection(HTTPSConnection):
    response_class = _Response

    def connect(self) -> None:
        super().connect()
        _connections.add(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class DeadlineAdapter(HTTPAdapter):
    """Carries requests of a thread that has called `set_deadline`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        _use_pools(manager)
        return manager


def _use_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
