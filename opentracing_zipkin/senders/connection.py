"""Connections to the collector: one deadline for all steps of a message, and no answer is taken for that of another message.

Rules: a socket's timeout is for one read or write.  So a server that sends a byte now and then could hold the reporter for
ever, and a name with many addresses that swallow packets could hold it long.  Here no step may last beyond the deadline.
A few interim answers (1xx) are skipped.  A connection is used again only if all bytes from it were read, and only for some
time, because the collector's name may mean another host by then.

Only our own clock is read, and no class is used that a mock may have replaced.
Source: RFC 9110, 15.2 "Informational 1xx"; RFC 9112, 9.3 "Persistence".
"""

from __future__ import annotations

import _socket
import datetime
import http.client
import io
import os
import socket
import sys
import weakref
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import allowed_gai_family
from urllib3.util.timeout import Timeout

from ..clock import monotonic
from .sealed import sealed

__all__ = ["Adapter", "Answer", "Terms", "Unclocked", "connected", "drop_inherited_connections"]


if TYPE_CHECKING:
    from http.client import HTTPResponse

    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.poolmanager import PoolManager, ProxyManager
else:
    HTTPAdapter = sealed("requests.adapters", "HTTPAdapter")
    HTTPResponse = sealed("http.client", "HTTPResponse")
    _below = sealed("http.client", "HTTPConnection")
    HTTPConnection = sealed("urllib3.connection", "HTTPConnection", _below)
    HTTPSConnection = sealed("urllib3.connection", "HTTPSConnection", _below)
    # Its `connect` warns of a date in the past, but a test may freeze the date on purpose.  Only this copy gets another one.
    _never = SimpleNamespace(today=lambda: datetime.date.max)
    HTTPSConnection.connect.__globals__["datetime"] = SimpleNamespace(date=_never)
    HTTPConnectionPool = sealed("urllib3.connectionpool", "HTTPConnectionPool")
    HTTPSConnectionPool = sealed("urllib3.connectionpool", "HTTPSConnectionPool")
    # urllib3's warning of malformed headers shows the URL with its query, and the headers, which may repeat our credentials.
    for _method in (HTTPConnection.connect, HTTPSConnection.connect, HTTPConnectionPool.urlopen, HTTPSConnectionPool.urlopen):
        _method.__globals__["assert_header_parsing"] = lambda headers: None

MAX_INTERIM_ANSWERS = 10
# The limit for all bytes of one answer; a longer one is no answer of a collector.
MAX_RECEIVED_BYTES = 256 * 1024

_connections: weakref.WeakSet[Any] = weakref.WeakSet()


def drop_inherited_connections() -> None:
    """In a forked process: close our descriptors of the parent's connections, without urllib3's locks."""
    for connection in list(_connections):
        _connections.discard(connection)
        sock, connection.sock = connection.sock, None
        if sock is not None and sock.fileno() >= 0:
            os.close(sock.detach())


class Terms:
    """The deadline of the current message, in monotonic seconds, and the greatest age of a connection.

    `target`: path and query exactly as they are sent; "" where urllib3 may normalise them.
    """

    __slots__ = ("ends_at_s", "max_age_s", "target")

    def __init__(self, max_age_s: float) -> None:
        self.ends_at_s = 0.0
        self.target = ""
        self.max_age_s = max_age_s

    def left_s(self) -> float:
        """Seconds until the deadline.  Raises TimeoutError where none are left."""
        left = self.ends_at_s - monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        return left


class Unclocked(Timeout):
    """urllib3's timeout without its clock: `Terms` keeps the deadline, and `time.monotonic` may be a mock's."""

    def clone(self) -> Unclocked:
        return self

    def start_connect(self) -> float:
        return 0.0

    def get_connect_duration(self) -> float:
        return 0.0


# Answers


class _Line:
    """The state that a connection and its answers share; it refers to neither, so that neither keeps the other alive."""

    __slots__ = ("in_step", "since_s", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.since_s = 0.0
        self.in_step = True  # every byte so far belonged to an answer that we asked for


class _Reader(io.RawIOBase):
    """The socket's bytes, each read with the time that is left as its timeout."""

    def __init__(self, line: _Line, connection: Any, raw: Any) -> None:
        self._terms = line.terms
        self._connection = connection
        self._raw = raw
        self._left = MAX_RECEIVED_BYTES
        self.done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.done:
            return None
        self._connection.settimeout(self._terms.left_s())
        count: int | None = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise OSError("the answer is too long")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, line: _Line, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._line = line
        self._reader = _Reader(line, sock, self.fp.detach())
        self.fp = io.BufferedReader(self._reader)

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the final answer: http.client skips only status 100, however often, and ends at 102 or 103."""
        for _ in range(MAX_INTERIM_ANSWERS + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # in every Python; not in typeshed
            if status >= 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {MAX_INTERIM_ANSWERS} interim answers, the last one {status}")

    def _close_conn(self) -> None:
        self._reader.done = True  # so that `peek` shows bytes that were received, and reads no more
        if not self.fp.closed and self.fp.peek(1):
            self._line.in_step = False
        super()._close_conn()  # type: ignore[misc]


# Connections


class _Bounded:
    """The deadline, added to urllib3's connections with and without TLS."""

    line: _Line
    sock: Any
    _dns_host: str
    host: str
    port: int
    socket_options: Any

    def connect(self) -> None:
        self.line.in_step = True
        super().connect()  # type: ignore[misc]  # urllib3's
        self.line.since_s = monotonic()
        _connections.add(self)

    def _new_conn(self) -> socket.socket:
        try:
            sock = connected(self._dns_host, self.port, self.line.terms, self.socket_options or ())
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error  # type: ignore[arg-type]
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Send the target as it stands in the endpoint: urllib3 would decode `%41`, write `%2f` as `%2F`, and remove `/../`."""
        target = self.line.terms.target
        if target:
            # A proxy gets the whole URL.
            url = target if url.startswith("/") else "/".join(url.split("/", 3)[:3]) + target
        super().putrequest(method, url, *args, **kwargs)  # type: ignore[misc]

    def send(self, data: bytes) -> None:
        """Send all until the deadline; the timeout of `sendall` over TLS would be for each record."""
        if self.sock is None:
            self.connect()
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(self.line.terms.left_s())
            rest = rest[self.sock.send(rest) :]

    def getresponse(self, **_: Any) -> Any:
        """Ignore the arguments: urllib3 1.26 passes `buffering`, and the TypeError would be the reason of a later failure."""
        return super().getresponse()  # type: ignore[misc]

    def is_worn_out(self) -> bool:
        """Whether the connection is open, but must not be used again."""
        if self.sock is None:
            return False
        decrypted = getattr(self.sock, "pending", None)
        return (
            not self.line.in_step
            or monotonic() - self.line.since_s >= self.line.terms.max_age_s
            or (decrypted is not None and decrypted() > 0)
        )


def connected(host: str, port: int, terms: Terms, options: Any) -> socket.socket:
    """A socket to the first address that answers; each address gets its share of the time that is left.

    The time to look up the name is not bounded, because Python has no way to do it.
    """
    host = host.strip("[]").replace("%25", "%")  # %25 stands before an interface's name in a URL (RFC 6874)
    wanted = host, port, allowed_gai_family(), socket.SOCK_STREAM
    addresses: list[Any]
    try:
        addresses = list(socket.getaddrinfo(*wanted))
    except RuntimeError:  # gevent's look-up starts a thread, which an ending interpreter refuses (Python 3.12)
        addresses = _socket.getaddrinfo(*wanted)
    error: OSError = OSError(f"{host} has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        share = terms.left_s() / (len(addresses) - number)
        sock = socket.socket(family, kind, protocol)
        try:
            if not isinstance(sock.fileno(), int):
                raise OSError("there are no sockets, because a mock stands in their place")
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(share)
            sock.connect(address)
            sock.settimeout(terms.left_s())  # for the next step, for instance the TLS handshake
            return sock
        except OSError as refusal:
            sock.close()
            error = refusal
        except BaseException:
            sock.close()
            raise
    raise error


class _Connection(_Bounded, HTTPConnection):  # type: ignore[misc]  # its `send` takes files, too
    pass


class _TLSConnection(_Bounded, HTTPSConnection):  # type: ignore[misc]
    pass


class _Renewing:
    """The end of old connections, added to urllib3's pools."""

    def __init__(self, terms: Terms, *args: Any, **kwargs: Any) -> None:
        self._terms = terms
        super().__init__(*args, **kwargs)

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        connection.line = _Line(self._terms)
        connection.response_class = partial(_Response, connection.line)
        return connection

    def _get_conn(self, timeout: float | None = None) -> Any:
        # urllib3 itself closes a connection that the server has closed, or from which bytes came after the last answer.
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if connection.is_worn_out():
            connection.close()
        return connection


class _Pool(_Renewing, HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(_Renewing, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class Answer(NamedTuple):
    """The head of the final answer; `raw` is urllib3's response, from which the body can be read."""

    status: int
    reason: str
    headers: Mapping[str, str]
    raw: Any


class Adapter(HTTPAdapter):
    """Sends one request at a time, within its `terms`."""

    def __init__(self, max_age_s: float) -> None:
        self.terms = Terms(max_age_s)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._use_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        self._use_pools(manager)
        return manager

    def close(self) -> None:
        """Close the connections: urllib3 2 leaves them to finalizers, which have all run before the last spans of a program."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in list(manager.pools.keys()):
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()

    def _use_pools(self, manager: PoolManager) -> None:
        pools: Any = {"http": partial(_Pool, self.terms), "https": partial(_TLSPool, self.terms)}
        manager.pool_classes_by_scheme = pools

    def build_response(self, req: Any, resp: Any) -> Any:
        """An Answer in place of requests' response, which would look for cookies and read the clock for each."""
        return Answer(resp.status, resp.reason or "", resp.headers, resp)
