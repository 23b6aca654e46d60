"""Checks of a connection's settings; an error never shows a value that may hold a credential.

Rules: an error shows names, types, a URL without its credentials, and a path unless the text may be the key itself.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..option import WrongSetting
from .url import check_url, shown

__all__ = [
    "check_auth",
    "check_cert",
    "check_file",
    "check_headers",
    "check_proxies",
    "check_readable",
    "tls_context",
]

MAX_PATH_CHARS = 200

_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER_VALUE = r"(?![\t ])[\t\x20-\x7e\x80-\xff]*"
# A key as text, in base64, and the DER form (a sequence of more than 16 bytes) in base64.
_KEY = r"-----|LS0t|^M[A-Za-z0-9+/=_-]{39,}$"


def check_headers(headers: Any) -> dict[str, str]:
    """The headers; raises WrongSetting for one that http.client would refuse at each send, with its value in the message."""
    if headers is None:
        return {}
    remedy = "use a dict from names to values, for instance {'X-Tenant': 'blue'}"
    if not isinstance(headers, Mapping):
        raise WrongSetting("headers", f"is of type {type(headers).__name__}; {remedy}")
    for name, value in headers.items():
        if not isinstance(name, str) or not re.fullmatch(_HEADER_NAME, name):
            raise WrongSetting("headers", f"has a name that cannot be sent; {remedy}")
        if not isinstance(value, str) or not re.fullmatch(_HEADER_VALUE, value):
            raise WrongSetting("headers", f"has {name!r} with a value that cannot be sent; {remedy}")
    return dict(headers)


def check_auth(auth: Any, encoding: str = "Latin-1") -> tuple[str, str] | None:
    """User and password; `encoding` is the one in which they are sent: Latin-1 over HTTP, as in requests, UTF-8 to a broker."""
    if auth is not None and not (isinstance(auth, (tuple, list)) and [str, str] == [type(part) for part in auth]):
        raise WrongSetting("auth", "is no pair of texts; use ('user', 'password')")
    if auth is None:
        return None
    with suppress(UnicodeEncodeError):
        if b"\0" not in ":".join(auth).encode(encoding):  # NUL is the separator in a broker's login
            return auth[0], auth[1]
    raise WrongSetting("auth", f"has characters that cannot be sent; use those of {encoding}, without NUL")


def check_file(name: str, path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)) or not os.path.exists(path):
        raise WrongSetting(name, f"is {_shown_path(path)}; use the path of an existing PEM file")
    return os.fspath(path)


def _shown_path(path: Any) -> str:
    """A path for an error; a text that may be the key itself, in place of its path, is not shown."""
    if not isinstance(path, (str, os.PathLike)):
        return f"of type {type(path).__name__}"
    text = str(path)
    if not text.isprintable() or len(text) > MAX_PATH_CHARS or re.search(_KEY, text):
        return "no path"
    return repr(shown(text)) if "://" in text else repr(path)


def check_cert(cert: Any, key: Any) -> str | tuple[str, str] | None:
    if key is not None and cert is None:
        raise WrongSetting(
            "client_key", "is given without client_cert; give both, or client_cert alone with the key in its file"
        )
    if cert is None:
        return None
    cert = check_file("client_cert", cert)
    return cert if key is None else (cert, check_file("client_key", key))


def check_readable(ca_bundle: str | None, cert: str | tuple[str, str] | None) -> None:
    """Raise WrongSetting where the existing files hold no certificates or no key.

    OpenSSL would raise at the first connection, with words that do not name the file.
    """
    if not _can_be_read(ca_bundle, None):
        raise WrongSetting("ca_bundle", "cannot be read; use certificates in PEM form")
    if not _can_be_read(ca_bundle, cert):
        raise WrongSetting("client_cert", "cannot be read; use a certificate and its key in PEM form, not encrypted")


def _can_be_read(ca_bundle: str | None, cert: str | tuple[str, str] | None) -> bool:
    with suppress(OSError, ValueError):
        tls_context(ca_bundle, cert)
        return True
    return False


def tls_context(ca_bundle: str | None, cert: str | tuple[str, str] | None) -> ssl.SSLContext:
    """A context that trusts the certificates in `ca_bundle` (a file, a folder, or None for the system's); `cert` is our own."""
    is_folder = ca_bundle is not None and os.path.isdir(ca_bundle)
    context = ssl.create_default_context(cafile=None if is_folder else ca_bundle, capath=ca_bundle if is_folder else None)
    if cert is not None:
        certificate, key = (cert, None) if isinstance(cert, str) else cert
        # The empty password, because OpenSSL would ask at the terminal for that of an encrypted key.
        context.load_cert_chain(certificate, key, password="")
    return context


def check_proxies(proxy: Any) -> dict[str, str]:
    proxies = dict(proxy) if isinstance(proxy, Mapping) else {} if proxy is None else {"http": proxy, "https": proxy}
    remedy = "use its URL, for instance http://proxy.example:3128"
    return {collectors: check_url("proxy", url, remedy) for collectors, url in proxies.items()}
