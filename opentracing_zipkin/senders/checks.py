"""The settings of a connection, checked: what could hold a credential is not shown where it is wrong.

Rules: an error shows names and types, a URL without its credentials, and a path only where it cannot be the key itself.
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
    "check_readable",
    "checked_auth",
    "checked_cert",
    "checked_file",
    "checked_headers",
    "checked_proxies",
    "tls_context",
]

MAX_PATH_CHARS = 200

_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER_VALUE = r"(?![\t ])[\t\x20-\x7e\x80-\xff]*"
# A key as text, in base64, and the DER form (a sequence of more than 16 bytes) in base64.
_KEY = r"-----|LS0t|^M[A-Za-z0-9+/=_-]{39,}$"


def checked_headers(headers: Any) -> dict[str, str]:
    """Those that http.client would refuse, too: its message, at each send, would show the value."""
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


def checked_auth(auth: Any, encoding: str = "Latin-1") -> tuple[str, str] | None:
    """The encoding is that in which they are sent: HTTP's is Latin-1, as requests has it, a broker's UTF-8."""
    if auth is not None and not (isinstance(auth, (tuple, list)) and [str, str] == [type(part) for part in auth]):
        raise WrongSetting("auth", "is no pair of texts; use ('user', 'password')")
    if auth is None:
        return None
    with suppress(UnicodeEncodeError):
        if b"\0" not in ":".join(auth).encode(encoding):  # which would end a user or a password at a broker
            return auth[0], auth[1]
    raise WrongSetting("auth", f"has characters that cannot be sent; use those of {encoding}, without NUL")


def checked_file(name: str, path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)) or not os.path.exists(path):
        raise WrongSetting(name, f"is {_shown_path(path)}; use the path of an existing PEM file")
    return os.fspath(path)


def _shown_path(path: Any) -> str:
    """Not where it may be the file's text: a key."""
    if not isinstance(path, (str, os.PathLike)):
        return f"of type {type(path).__name__}"
    text = str(path)
    if not text.isprintable() or len(text) > MAX_PATH_CHARS or re.search(_KEY, text):
        return "no path"
    return repr(shown(text)) if "://" in text else repr(path)


def checked_cert(cert: Any, key: Any) -> str | tuple[str, str] | None:
    if key is not None and cert is None:
        raise WrongSetting(
            "client_key", "is given without client_cert; give both, or client_cert alone with the key in its file"
        )
    if cert is None:
        return None
    cert = checked_file("client_cert", cert)
    return cert if key is None else (cert, checked_file("client_key", key))


def check_readable(ca_bundle: str | None, cert: str | tuple[str, str] | None) -> None:
    """Raise WrongSetting where the files, as they were checked before, are no certificates or no key.

    OpenSSL's own words do not name the file.
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
    """Of certificates to trust, a file or a folder, or the system's where it is None; and of our own."""
    is_folder = ca_bundle is not None and os.path.isdir(ca_bundle)
    context = ssl.create_default_context(cafile=None if is_folder else ca_bundle, capath=ca_bundle if is_folder else None)
    if cert is not None:
        certificate, key = (cert, None) if isinstance(cert, str) else cert
        context.load_cert_chain(certificate, key, password="")  # an encrypted key would be asked for at the terminal
    return context


def checked_proxies(proxy: Any) -> dict[str, str]:
    proxies = dict(proxy) if isinstance(proxy, Mapping) else {} if proxy is None else {"http": proxy, "https": proxy}
    remedy = "use its URL, for instance http://proxy.example:3128"
    return {collectors: check_url("proxy", url, remedy) for collectors, url in proxies.items()}
