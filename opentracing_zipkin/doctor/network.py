"""Can the collector's server be reached: its name, its port, its certificate, the proxy before it.

Rules: the checks use their own sockets, because an HTTP library does not tell which step failed.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from urllib.parse import unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ..model import parse_ip
from ..senders.url import shown
from .connection import Connection, host_of
from .report import FAULT, OK, Finding, Kind

__all__ = ["check_network", "client_certificate_finding", "wants_tls_finding"]

MAX_CONNECT_S = 5.0
MAX_TRIAL_S = 2.0  # the limit for trying TLS where the endpoint does not ask for it

RESOLVED = Kind("resolved", OK, "name", "{host} is {addresses}")
UNRESOLVED = Kind(
    "unresolved",
    FAULT,
    "name",
    "the name {host}, from {setting}, has no address: {reason}",
    "look for a misspelt name in {setting}; a name of Docker Compose or Kubernetes is known only inside its network, and "
    "in another namespace it needs its own, for instance zipkin.tracing",
)
CONNECTED = Kind("connected", OK, "connection", "{host} port {port} accepts connections")
REFUSED = Kind(
    "refused",
    FAULT,
    "connection",
    "nobody listens on {host} port {port}, where the collector should be",
    "start a collector, for instance `opentracing-zipkin collector`, or set ZIPKIN_ENDPOINT to where it is; inside a container "
    "localhost is the container itself, so name the collector's host",
)
SILENT = Kind(
    "silent",
    FAULT,
    "connection",
    "{host} port {port}, where the collector should be, does not answer within {seconds} s",
    "look for a firewall, a security group or a network policy between this machine and {host}, and for a wrong address in "
    "ZIPKIN_ENDPOINT",
)
UNREACHABLE = Kind(
    "unreachable",
    FAULT,
    "connection",
    "{host} port {port}, where the collector should be, cannot be reached: {reason}",
    "look at this machine's network and routes, and for a wrong address in ZIPKIN_ENDPOINT",
)
PROXY_GONE = Kind(
    "proxy-gone",
    FAULT,
    "proxy",
    "the proxy at {host} port {port}, by {setting}, cannot be reached: {reason}",
    "if the collector is in your own network, add its host to NO_PROXY; otherwise set ZIPKIN_PROXY to a proxy that runs",
)
BY_PROXY = Kind("by-proxy", OK, "proxy", "requests to {url} go through the proxy {proxy}, by {source}")
PROXY_DENIES = Kind(
    "proxy-denies",
    FAULT,
    "proxy",
    "the proxy {proxy} does not let us connect to {host} port {port}: {reason}",
    "if the collector is in your own network, add its host to NO_PROXY; otherwise set ZIPKIN_PROXY to another proxy; if the "
    "proxy asks for a user (407), write http://user:password@proxy:port",
)
TRUSTED = Kind("trusted", OK, "TLS", "the certificate of {host} is trusted, until {until}")
UNTRUSTED = Kind(
    "untrusted",
    FAULT,
    "TLS",
    "the certificate of {host} is signed by an authority that we do not trust: {reason}",
    "set ZIPKIN_CA_BUNDLE to a PEM file with the certificate of the authority that has signed it",
)
OTHER_NAME = Kind(
    "other-name",
    FAULT,
    "TLS",
    "the certificate of {host} is for another name: {reason}",
    "set ZIPKIN_ENDPOINT to a name that the certificate has, or give the server a certificate for {host}",
)
EXPIRED = Kind(
    "expired",
    FAULT,
    "TLS",
    "the certificate of {host} is not valid at this time: {reason}",
    "renew the server's certificate, and look at this machine's clock",
)
NO_TLS = Kind(
    "no-tls",
    FAULT,
    "TLS",
    "{host} port {port} does not speak TLS",
    "write http:// in place of https:// in ZIPKIN_ENDPOINT, or use the server's port for TLS",
)
WANTS_TLS = Kind(
    "wants-tls",
    FAULT,
    "TLS",
    "{host} port {port} speaks TLS, and the endpoint says http://",
    "write https:// in ZIPKIN_ENDPOINT",
)
WANTS_CERTIFICATE = Kind(
    "wants-certificate",
    FAULT,
    "TLS",
    "{host} requires a client certificate, and gets none or does not accept it: {reason}",
    "set ZIPKIN_CLIENT_CERT and ZIPKIN_CLIENT_KEY to PEM files that the server's authority has signed",
)
TLS_FAILED = Kind(
    "tls-failed",
    FAULT,
    "TLS",
    "the encrypted connection to {host} cannot be made: {reason}",
    "compare the versions of TLS and the certificates of both sides; files that ZIPKIN_CA_BUNDLE, ZIPKIN_CLIENT_CERT and "
    "ZIPKIN_CLIENT_KEY name must be PEM",
)

# OpenSSL's codes for a failed verification: not yet valid, expired; a host name, or an address, that does not match.
_TIME_CODES, _NAME_CODES = (9, 10), (62, 64)
_NO_TLS_TEXTS = re.compile(r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|UNKNOWN_PROTOCOL|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG")
_CLIENT_CERTIFICATE_TEXTS = re.compile(
    r"CERTIFICATE_REQUIRED|BAD_CERTIFICATE|ALERT_HANDSHAKE_FAILURE|UNKNOWN_CA|ALERT_ACCESS_DENIED"
)


def check_network(url: str, connection: Connection, source: str) -> Generator[Finding, None, bool]:
    """Check each step to the server of a URL; the generator returns True where all succeed.

    `source`: the variable that the proxy comes from.
    """
    proxy = connection.proxy_of(url)
    timeout_s = min(MAX_CONNECT_S, connection.timeout_s)
    if proxy:
        yield BY_PROXY(url=shown(url), proxy=shown(proxy), source=source)
    host, port = host_of(proxy or url)
    for finding in _check_reachable(host, port, timeout_s, source if proxy else ""):
        yield finding
        if finding.status == FAULT:
            return False
    if proxy.startswith("https:") or not url.startswith("https:"):
        return True
    finding = _tunnel_problem(url, proxy, timeout_s) or _handshake(url, proxy, connection, timeout_s)
    yield finding
    return finding.status != FAULT


def _check_reachable(host: str, port: int, timeout_s: float, proxy_by: str) -> Iterator[Finding]:
    """Check the name and the port of a server; `proxy_by`: the proxy's variable where the server is a proxy, else ""."""
    named = {"host": host, "port": port}
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        yield UNRESOLVED(host=host, setting=proxy_by or "ZIPKIN_ENDPOINT", reason=reason)
        return
    if not any(parse_ip(host)):
        yield RESOLVED(host=host, addresses=", ".join(dict.fromkeys(str(one[4][0]) for one in found)))
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError as error:
        reason = error.strerror or error
        if proxy_by:
            yield PROXY_GONE(setting=proxy_by, reason=reason, **named)
        elif isinstance(error, ConnectionRefusedError):
            yield REFUSED(**named)
        elif isinstance(error, TimeoutError):
            yield SILENT(seconds=f"{timeout_s:.3g}", **named)
        else:
            yield UNREACHABLE(reason=reason, **named)
    else:
        yield CONNECTED(**named)


def _connect(url: str, proxy: str, timeout_s: float) -> socket.socket:
    """A connection to the server of a URL, through the proxy where there is one."""
    host, port = host_of(url)
    if not proxy:
        return socket.create_connection((host, port), timeout_s)
    tunnel = http.client.HTTPConnection(*host_of(proxy), timeout=timeout_s)
    parts = urlsplit(proxy)
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode("latin-1", "replace")
    tunnel.set_tunnel(host, port, {"Proxy-Authorization": f"Basic {b64encode(pair).decode()}"} if parts.username else {})
    tunnel.connect()
    sock: socket.socket = tunnel.sock
    return sock


def _tunnel_problem(url: str, proxy: str, timeout_s: float) -> Finding | None:
    try:
        _connect(url, proxy, timeout_s).close()
    except (OSError, http.client.HTTPException) as error:
        host, port = host_of(url)
        reason = str(error).removeprefix("Tunnel connection failed: ") or type(error).__name__
        return PROXY_DENIES(proxy=shown(proxy), host=host, port=port, reason=reason)
    return None


def _handshake(url: str, proxy: str, connection: Connection, timeout_s: float) -> Finding:
    host, port = host_of(url)
    try:
        context = _context(connection)
        with closing(_connect(url, proxy, timeout_s)) as plain, context.wrap_socket(plain, server_hostname=host) as sock:
            return TRUSTED(host=host, until=(sock.getpeercert() or {}).get("notAfter", "an unknown time"))
    except (OSError, ValueError) as error:
        return _tls_finding(error, host, port)


def _context(connection: Connection) -> ssl.SSLContext:
    """The TLS settings that the sender uses: the CA bundle of the settings, else the bundle of requests."""
    bundle = connection.ca_bundle or DEFAULT_CA_BUNDLE_PATH
    folder, file = (bundle, None) if os.path.isdir(bundle) else (None, bundle)
    context = ssl.create_default_context(cafile=file, capath=folder)
    if connection.cert is not None:
        files = (connection.cert,) if isinstance(connection.cert, str) else connection.cert
        context.load_cert_chain(*files)
    return context


def _tls_finding(error: Exception, host: str, port: int) -> Finding:
    """The finding that tells what a failed handshake means."""
    text, code = str(error), getattr(error, "verify_code", None)
    reason = getattr(error, "verify_message", None) or text
    if code is not None:
        kind = EXPIRED if code in _TIME_CODES else OTHER_NAME if code in _NAME_CODES else UNTRUSTED
        return kind(host=host, reason=reason)
    if _NO_TLS_TEXTS.search(text):
        return NO_TLS(host=host, port=port)
    if _CLIENT_CERTIFICATE_TEXTS.search(text):
        return WANTS_CERTIFICATE(host=host, reason=reason)
    return TLS_FAILED(host=host, reason=reason or type(error).__name__)


def client_certificate_finding(url: str, connection: Connection) -> Finding | None:
    """The finding on a certificate of ours that the server refuses after the handshake; None where it does not.

    With TLS 1.3, the server checks our certificate only when the handshake is complete for us.  We only read: a write to a
    connection that the server has closed would lose its alert.
    """
    host, port = host_of(url)
    try:
        plain = _connect(url, connection.proxy_of(url), MAX_TRIAL_S)
        with closing(plain), _context(connection).wrap_socket(plain, server_hostname=host) as sock:
            sock.recv(1)
    except ssl.SSLError as error:
        return _tls_finding(error, host, port)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return None


def wants_tls_finding(url: str) -> Finding | None:
    """The finding WANTS_TLS where the server of an `http` URL speaks TLS; else None."""
    host, port = host_of(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, ValueError):
        plain = socket.create_connection((host, port), MAX_TRIAL_S)
        with closing(plain), context.wrap_socket(plain, server_hostname=host):
            return WANTS_TLS(host=host, port=port)
    return None
