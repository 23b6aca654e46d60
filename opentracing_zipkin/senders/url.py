"""URLs in settings: the check that a text is a URL, and the form in which it may be shown.

Rules: user, password and query are never shown, because they may hold keys.  Where it is unclear where one of them begins or
ends, only the scheme is shown.  No exception here has another in its chain, because urllib's messages hold the value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..option import WrongSetting

__all__ = ["HIDDEN", "check_url", "shown", "shown_value", "split_urls"]

HIDDEN = "***"

# `re` compiles these texts at their first use, which keeps the import fast: most are needed for errors only.
_SCHEME = r"(?i:https?:/*|[a-z][a-z0-9+.-]*://)?"  # also the usual mistake "http:/host", so that its host is shown
_HOST = r"[\w.-]+"
_HOST_AND_PORT = rf"(?:{_HOST}|\[[0-9a-fA-F:.]+(?:%\w+)?\])?(?::\d*)?"
_HOSTS_AND_PORTS = rf"{_HOST_AND_PORT}(?:,{_HOST_AND_PORT})*"  # Kafka's brokers
# The comma before the next scheme; one between brokers, in a path or in a query separates no URLs.
_BETWEEN = r"\s*,\s*(?=[a-zA-Z][a-zA-Z0-9+.-]*://)"
_NO_EMPTY = "leave it out, or write the missing URL there (a comma at the end of a path or query is %2C)"
_ESCAPES = "in a user or password write / ? # @ as %2F %3F %23 %40"


def split_urls(endpoint: str | Sequence[str]) -> list[str]:
    """The URLs of a setting `endpoint`: one, a list, or text with commas.  Raises WrongSetting for an empty part."""
    if not isinstance(endpoint, str):
        urls = [one.strip() for one in endpoint]
        if "" in urls:
            raise WrongSetting("endpoint", f"has an empty text in place {urls.index('') + 1} of its list; {_NO_EMPTY}")
    elif not endpoint.strip():
        return [""]
    else:
        urls = re.split(_BETWEEN, endpoint.strip())
        if not urls[0] or urls[0].startswith(","):
            raise WrongSetting("endpoint", f"has an empty part before its first comma; {_NO_EMPTY}")
    for url in urls:
        if url.endswith(","):
            where = "after its last comma" if url is urls[-1] else "between two commas"
            raise WrongSetting("endpoint", f"has an empty part {where}; {_NO_EMPTY}")
    return urls


def check_url(name: str, value: Any, remedy: str, schemes: Sequence[str] = ("http", "https")) -> str:
    """The URL without space around it; raises WrongSetting, without a credential, where host or scheme is missing or wrong."""
    text = value.strip() if isinstance(value, str) else ""
    parts = _split(text)
    if parts is None or parts.scheme not in schemes or not parts.netloc or not text.isprintable() or " " in text:
        raise WrongSetting(name, f"is {shown_value(text if isinstance(value, str) else value)}; {remedy}")
    problem = _problem(text, parts, remedy)
    if problem:
        raise WrongSetting(name, f"is {shown_value(text)}; {problem}")
    return text


def _problem(text: str, parts: SplitResult, remedy: str) -> str:
    """The remedy for a text that looks like a URL; "" where nothing is wrong."""
    if "#" in text:
        return "leave out the # and the text after it, which is never sent; " + _ESCAPES
    if "\\" in text:  # urllib3 ends the host there, so it would read another host than we do
        return "write a backslash as %5C"
    if not _is_host(parts.hostname or ""):
        return remedy
    if not _has_port(parts):
        port = parts.netloc.rpartition(":")[2]
        return "Port out of range 0-65535" if port.isdigit() else f"the text behind its colon is no port; {_ESCAPES}"
    if "@" in parts.path:
        return f"{_ESCAPES}, and an @ in the path as %40"
    return ""


def _split(text: str) -> SplitResult | None:
    with suppress(ValueError):
        return urlsplit(text)
    return None


def _has_port(parts: SplitResult) -> bool:
    """Whether the port is a number or absent.  `host:` without digits is refused, because `user:?word@host` begins so, too."""
    with suppress(ValueError):
        return parts.port is not None or not parts.netloc.endswith(":")
    return False


def _is_host(host: str) -> bool:
    if ":" not in host:
        return re.fullmatch(_HOST, host) is not None
    with suppress(ValueError):
        ipaddress.IPv6Address(host)
        return True
    return False


def shown(text: str) -> str:
    """A URL without user, password and query; of any other text, only the parts that cannot be one of these."""
    scheme = re.match(_SCHEME, text)[0]  # type: ignore[index]  # it matches the empty text, too
    rest = text[len(scheme) :]
    before, mark, after = _cut(rest)
    if "@" in after:  # in a query, or a password that has a ? or # in it
        return scheme + HIDDEN
    host_and_port, slash, path = before.rpartition("@")[2].partition("/")
    hosts = _HOSTS_AND_PORTS if scheme.lower() == "kafka://" else _HOST_AND_PORT
    if not re.fullmatch(hosts, host_and_port) or (slash and not scheme + host_and_port):
        return scheme + HIDDEN
    if not path.isprintable() or " " in path:  # such a path may hold anything, for instance a second line
        return f"{scheme}{host_and_port}/{HIDDEN}"
    return f"{scheme}{host_and_port}{slash}{path}{mark + HIDDEN if mark else ''}"


def _cut(text: str) -> tuple[str, str, str]:
    """The text before the first ? or #, this mark, and the text after it."""
    found = re.search(r"[?#]", text)
    return (text, "", "") if found is None else (text[: found.start()], found[0], text[found.end() :])


def shown_value(value: Any) -> str:
    """The part of a value of a URL setting that an error may show."""
    if isinstance(value, str):
        return repr(shown(value))
    if value is None or isinstance(value, (bool, int, float)) or value in ([], (), {}):
        return repr(value)
    return f"of type {type(value).__name__}"
