"""The collector's URL: from the setting `endpoint` to the URL that spans are posted to.

Rules: a path that is Zipkin's own is replaced by that of the encoding; any other path is used exactly as it is, because other
servers that take Zipkin's spans have paths of their own.  The query is always kept: some have the key there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..option import WrongSetting
from ..options import DEFAULT_ENDPOINT
from .url import check_url, shown_value, split_urls

__all__ = ["REMEDY", "has_own_path", "http_endpoints_of", "likely_path", "posted_url", "server_url", "target_of"]

REMEDY = f"use the collector's URL, for instance {DEFAULT_ENDPOINT}"

_WIRE_PATHS = ("/api/v1/spans", "/api/v2/spans")
# The characters of paths and queries (RFC 3986, 3.3 and 3.4).
_SENDABLE = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+"
# Paths that people write by mistake: those of Zipkin's UI, or only a part of the collector's path.
_NEARLY_ZIPKINS = r"/(?:zipkin(?:/(?:traces|dependency).*)?|api(?:/v\d.*)?)$"


def http_endpoints_of(endpoint: str | Sequence[str]) -> list[str]:
    """Each URL of the setting: one, a list, or text with commas.  Raises WrongSetting where one is no URL, or none is there."""
    if not isinstance(endpoint, (str, list, tuple)) or not endpoint:
        raise WrongSetting("endpoint", f"is {shown_value(endpoint)}; {REMEDY}")
    is_text = isinstance(endpoint, str) or all(isinstance(one, str) for one in endpoint)
    return [check_url("endpoint", one, REMEDY) for one in (split_urls(endpoint) if is_text else endpoint)]


def posted_url(endpoint: str, path: str) -> str:
    """The URL that spans are posted to; `path` is the encoder's, `endpoint` is one of `http_endpoints_of`."""
    parts = urlsplit(endpoint)
    prefix = _prefix(parts.path)
    return parts._replace(path=parts.path if prefix is None else prefix + path).geturl()


def target_of(url: str) -> str:
    """Path and query as they stand in a URL; "" where they have characters that must be encoded before they are sent."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return target if re.fullmatch(_SENDABLE, target) else ""


def has_own_path(endpoint: str) -> bool:
    """Whether the path is used exactly as it is."""
    return _prefix(urlsplit(endpoint).path) is None


def likely_path(endpoint: str, path: str) -> str:
    """The path that was probably meant, for the error about an endpoint's own path that the server does not know."""
    return re.sub(_NEARLY_ZIPKINS, "", urlsplit(endpoint).path.rstrip("/")) + path


def server_url(endpoint: str, path: str) -> str:
    """The URL of `path` on a Zipkin server, for requests other than spans: any path in its endpoint is a prefix."""
    parts = urlsplit(check_url("endpoint", endpoint, REMEDY))
    prefix = _prefix(parts.path)
    return parts._replace(path=(parts.path.rstrip("/") if prefix is None else prefix) + path).geturl()


def _prefix(path: str) -> str | None:
    """The prefix before a path of Zipkin's; None for any other path."""
    bare = path.rstrip("/")
    if bare in ("", "/zipkin"):
        return ""
    for wire_path in _WIRE_PATHS:
        if bare.endswith(wire_path):
            return bare.removesuffix(wire_path)
    return None
