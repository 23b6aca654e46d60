"""Access to the collector: any program may use it, but no web page of another origin, not even indirectly.

Rules: on a loopback address a request must name a host of this machine.  Otherwise a web page could reach us under its own host
name (DNS rebinding).  On other addresses the collector has names that it cannot know, so any name is allowed there.  A browser
tells which page sends a request.  A request from another origin is refused, unless that origin is allowed.  A request by which
a page of another origin embeds the collector, for instance as an image, is refused, too.  A link to the collector works.
Source: Fetch Standard, "CORS protocol"; Fetch Metadata Request Headers; answers to allowed origins measured on zipkin-server
3.5.1 (which takes spans from any page).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from ..option import check_text

__all__ = ["Access", "Refused"]

ANY = "*"

# An address in brackets, or a name; then a port.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)]|([^\s/?#@\\:\[\]]+))(?::[0-9]{0,5})?", re.ASCII)

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class Refused(ValueError):
    """A request that may not be answered; the text tells how to allow it."""


class Access:
    """Decides which requests are answered; any method may be called from any thread.

    `allowed_origins`: origins such as http://localhost:3000, or `*` for all; `allowed_hosts`: names without a port, or `*` for
    all.
    """

    def __init__(self, host: str, allowed_origins: Iterable[str] = (), allowed_hosts: Iterable[str] = ()) -> None:
        self._origins = frozenset(map(_check_allowed_origin, allowed_origins))
        given = {_check_allowed_host(name) for name in allowed_hosts}
        self._any_host = ANY in given or not (given or is_loopback(host))
        self._hosts = frozenset((*_LOCAL_NAMES, host.lower(), *given))

    def check(self, environ: Mapping[str, Any]) -> None:
        """Raises Refused, with a text of one line, for a request that is not answered."""
        self._check_host(environ.get("HTTP_HOST", ""))
        origin = environ.get("HTTP_ORIGIN", "")
        if origin:
            self._check_origin(origin, environ.get("HTTP_HOST", ""))
        elif environ.get("HTTP_SEC_FETCH_SITE", "none") in ("cross-site", "same-site") and not _is_link(environ):
            raise Refused("a page of another origin embeds this collector; allow its origin with --allow-origin ORIGIN")

    def headers(self, environ: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The headers by which a browser lets a page of an allowed origin read the answer."""
        origin = environ.get("HTTP_ORIGIN", "")
        if not origin or not self._is_allowed(origin):
            return []
        shared = [("Access-Control-Allow-Origin", ANY if ANY in self._origins else origin)]
        if ANY not in self._origins:
            shared.append(("Vary", "Origin"))
        return [*shared, ("Access-Control-Allow-Headers", "content-type,x-grpc-web")]

    def preflight_headers(self, environ: Mapping[str, Any]) -> list[tuple[str, str]] | None:
        """The headers for a browser that asks before it sends (a preflight); None where the request is no preflight."""
        if environ.get("REQUEST_METHOD") != "OPTIONS" or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
            return None
        allowed = self.headers(environ)
        if not allowed:
            return None
        return [*allowed, ("Access-Control-Allow-Methods", "GET,POST"), ("Access-Control-Max-Age", "0")]

    def _check_host(self, header: str) -> None:
        # A browser always sends the header, and only a browser can be misused by a page.
        if not header or self._any_host:
            return
        found = _HOST.fullmatch(header)
        # A dot at the end marks a name as complete, and all of these names are.
        name = (found[1] or found[2].rstrip(".")).lower() if found else ""
        if name not in self._hosts and not is_loopback(name):
            raise Refused(f"the host {header[:80]!r} is not a name of this machine; allow it with --allow-host {_shown(name)}")

    def _check_origin(self, origin: str, host: str) -> None:
        same = bool(host) and origin.lower().partition("://")[2] == host.lower()
        if not (same or self._is_allowed(origin)):
            raise Refused(f"the origin {origin[:80]!r} is not this collector's; allow it with --allow-origin {_shown(origin)}")

    def _is_allowed(self, origin: str) -> bool:
        return ANY in self._origins or origin.lower() in self._origins


def is_loopback(host: str) -> bool:
    """Whether the host is `localhost`, a name below it (RFC 6761), or an address of the loopback interface."""
    try:
        return f".{host.lower()}".endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_link(environ: Mapping[str, Any]) -> bool:
    """Whether the user follows a link or opens a page; the page that the browser then shows is ours."""
    return environ.get("REQUEST_METHOD") == "GET" and (
        environ.get("HTTP_SEC_FETCH_MODE") == "navigate" and environ.get("HTTP_SEC_FETCH_DEST", "document") == "document"
    )


def _shown(text: str) -> str:
    return text[:80] if text and text.isprintable() and " " not in text else "NAME"


def _check_allowed_origin(given: str) -> str:
    remedy = "give a scheme and a host as browsers send them, such as http://localhost:3000, or * for all"
    origin = check_text("allow_origins", given, remedy).strip().lower()
    if origin == ANY or origin == "null":
        return origin
    parts = urlsplit(origin)
    if not (parts.scheme and parts.netloc) or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"allow_origins is {given!r}; {remedy}")
    return origin.rstrip("/")


def _check_allowed_host(given: str) -> str:
    remedy = "give a name or an address without a port, such as zipkin.test, or * for all"
    name = check_text("allow_hosts", given, remedy).strip().lower()
    if "/" in name or name.count(":") == 1:
        raise ValueError(f"allow_hosts is {given!r}; {remedy}")
    return name.strip("[]")
