"""A collector's answer to a message, in plain words.

Rules: a remedy is tried before it is told: where the server refuses a path or an encoding, the others are tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from ..codec import ENCODINGS, encoder_named
from ..senders import SendError
from ..senders.collector_url import has_own_path, likely_path, posted_url
from ..senders.http import HttpSender
from ..senders.url import shown
from .connection import Connection, is_html, send_once
from .report import FAULT, Finding, Kind

__all__ = ["refusal_finding"]

_CHECK = "answer"
_HOST_AND_PORT = "look at the host and the port in ZIPKIN_ENDPOINT"
_IF_ANOTHER = f"if this is not a Zipkin server, {_HOST_AND_PORT}"

HTML = Kind(
    "html",
    FAULT,
    _CHECK,
    "{url} answers HTTP {status} with a web page: it is not a collector, but our sender counts this answer as success",
    f"{_HOST_AND_PORT}: they have to be those of the Zipkin server itself; the page may belong to a login, to a gateway or to "
    "another program on that port",
)
REDIRECTED = Kind(
    "redirected",
    FAULT,
    _CHECK,
    "{url} answers HTTP {status}, a redirect to {target}; a redirect is not followed, because it would turn the POST into a "
    "GET",
    "set ZIPKIN_ENDPOINT to that address, if a Zipkin server is there; where it is a login, give credentials: ZIPKIN_AUTH, or "
    f"headers in code; {_IF_ANOTHER}",
)
NOT_UNDERSTOOD = Kind(
    "not-understood",
    FAULT,
    _CHECK,
    "{url} answers HTTP 400, it does not understand a message in {encoding}: {said}",
    f"{_IF_ANOTHER}; otherwise see what its log says; every version of Zipkin accepts ZIPKIN_ENCODING=json",
)
UNAUTHENTICATED = Kind(
    "unauthenticated",
    FAULT,
    _CHECK,
    "{url} answers HTTP 401, it requires a user and a password, or a token: {said}",
    "set ZIPKIN_AUTH=user:password, or give a token in code: configure(headers={{'Authorization': 'Bearer ...'}}); if they "
    f"are set already, they are wrong; {_IF_ANOTHER}",
)
FORBIDDEN = Kind(
    "forbidden",
    FAULT,
    _CHECK,
    "{url} answers HTTP 403, it does not permit our request, with these credentials or without any: {said}",
    "ask the operator of the server, or of the gateway before it, to allow POST to this path for this address and these "
    f"credentials; {_IF_ANOTHER}",
)
WRONG_PATH = Kind(
    "wrong-path",
    FAULT,
    _CHECK,
    "{url} answers HTTP {status}: the server has no such path, or does not accept POST there; it does not accept a message at "
    "{tried}, either",
    f"this is probably not a Zipkin server: {_HOST_AND_PORT}; if it takes Zipkin's spans at a path of its own, give that "
    "path there, which is used exactly as it is",
)
RIGHT_PATH = Kind(
    "right-path",
    FAULT,
    _CHECK,
    "{url} answers HTTP {status}: the server has no such path, or does not accept POST there; {right} has accepted a message "
    "just now",
    "set ZIPKIN_ENDPOINT={right}",
)
PROXY_AUTHENTICATION = Kind(
    "proxy-authentication",
    FAULT,
    _CHECK,
    "the proxy before {url} answers HTTP 407, it requires a user and a password",
    "write the user and the password into the URL of the proxy: http://user:password@proxy:port",
)
BODY_TOO_SLOW = Kind(
    "request-timeout",
    FAULT,
    _CHECK,
    "{url} answers HTTP 408: the message came too slowly",
    "look at the network between this machine and the server, and at the time-outs of a gateway before it",
)
TOO_LARGE = Kind(
    "too-large",
    FAULT,
    _CHECK,
    "{url} answers HTTP {status}: a message of {bytes} bytes is too large for it",
    "raise the limit for a body in the server, or in the gateway before it, to 1 MB (client_max_body_size in nginx)",
)
UNSUPPORTED = Kind(
    "unsupported",
    FAULT,
    _CHECK,
    "{url} answers HTTP 415: it does not accept messages in {encoding}, nor in any other encoding of ours",
    f"{_IF_ANOTHER}; otherwise see whether something before it changes Content-Type",
)
RIGHT_ENCODING = Kind(
    "right-encoding",
    FAULT,
    _CHECK,
    "{url} answers HTTP {status} to a message in {encoding}, and has taken one in {other} just now",
    "set ZIPKIN_ENCODING={other}",
)
TOO_MANY = Kind(
    "too-many",
    FAULT,
    _CHECK,
    "{url} answers HTTP 429: it gets too many messages, from this service or from all services; messages are tried again for "
    "five minutes",
    "record fewer traces (ZIPKIN_SAMPLE_RATE), or raise the server's or the gateway's limit",
)
NO_GZIP = Kind(
    "no-gzip",
    FAULT,
    _CHECK,
    "{url} does not read compressed messages: {said}",
    "set ZIPKIN_COMPRESS=false, or let the gateway before the server pass on bodies and Content-Encoding as they come",
)
SERVER_FAILS = Kind(
    "server-fails",
    FAULT,
    _CHECK,
    "{url} answers HTTP {status}: {said}",
    "look into the log of the server, and of a gateway before it (502, 503 and 504 are often its own); messages are tried "
    f"again for five minutes; {_IF_ANOTHER}",
)
OTHER_ANSWER = Kind(
    "other-answer",
    FAULT,
    _CHECK,
    "{url} answers HTTP {status}: {said}",
    f"a collector answers 202, so this is probably not a Zipkin server: {_HOST_AND_PORT}",
)
NO_ANSWER = Kind(
    "no-answer",
    FAULT,
    _CHECK,
    "{url} accepts connections, but does not answer in HTTP: {reason}",
    f"this is probably not a Zipkin server: {_HOST_AND_PORT}",
)
TOO_SLOW = Kind(
    "too-slow",
    FAULT,
    _CHECK,
    "{url} has not answered within {seconds} s, which is send_timeout; each message is sent again and again",
    "look at the server's load and storage; until then set ZIPKIN_SEND_TIMEOUT to more seconds",
)

_REDIRECTS = (301, 302, 303, 307, 308)
_BY_STATUS = {
    401: UNAUTHENTICATED,
    403: FORBIDDEN,
    407: PROXY_AUTHENTICATION,
    408: BODY_TOO_SLOW,
    413: TOO_LARGE,
    429: TOO_MANY,
}
_WITH_ALTERNATIVES = {
    400: NOT_UNDERSTOOD,
    404: WRONG_PATH,
    405: WRONG_PATH,
    415: UNSUPPORTED,
    501: WRONG_PATH,
}


def refusal_finding(
    error: SendError, sender: HttpSender, endpoint: str, encoding: str, size: int, connection: Connection
) -> Finding:
    """The finding that tells why a message was not accepted; `size`: the message's bytes."""
    url, answer = shown(sender.urls[0]), sender.answered
    said = str(error).removeprefix(f"{url}: ")
    if answer is None:
        return NO_ANSWER(url=url, reason=said)
    status = answer.status
    said = said.removeprefix(f"HTTP {status} ")
    named = {"url": url, "status": status, "said": said, "encoding": encoding, "bytes": size}
    if error.too_large:
        return TOO_LARGE(**named)
    if status in _REDIRECTS and (target := _target(sender.urls[0], answer.headers.get("Location", ""))):
        return REDIRECTED(target=connection.without_credentials(shown(target)), **named)
    if "not in the GZIP format" in said:
        return NO_GZIP(**named)
    if status in _WITH_ALTERNATIVES:
        other = _alternative(endpoint, encoding, connection, named)
        return other or _WITH_ALTERNATIVES[status](tried=" or ".join(_shown_candidates(endpoint, encoding)), **named)
    return _BY_STATUS.get(status, SERVER_FAILS if status >= 500 else OTHER_ANSWER)(**named)


def _target(url: str, location: str) -> str:
    """The target of a redirect; "" where the answer names none, or the same address again."""
    with suppress(ValueError):  # `urljoin` raises for brackets without an IPv6 address
        location = urljoin(url, location)
    return "" if location == url else location


def _alternative(endpoint: str, encoding: str, connection: Connection, named: Mapping[str, object]) -> Finding | None:
    """A finding with the other path or encoding by which the server takes an empty message; None where there is none."""
    path = encoder_named(encoding).path
    for candidate in _candidates(endpoint, path):
        if _is_accepted(candidate, encoding, connection):
            return RIGHT_PATH(right=shown(posted_url(candidate, path)), **named)
    for other in ENCODINGS:
        if other != encoding and _is_accepted(endpoint, other, connection):
            return RIGHT_ENCODING(other=other, **named)
    return None


def _shown_candidates(endpoint: str, encoding: str) -> list[str]:
    path = encoder_named(encoding).path
    return [shown(posted_url(candidate, path)) for candidate in _candidates(endpoint, path)]


def _candidates(endpoint: str, wire_path: str) -> Iterator[str]:
    """Addresses of the same server where Zipkin often is, without the one that the endpoint stands for.

    `wire_path`: the encoding's, which later replaces the path of each.
    """
    parts = urlsplit(endpoint)
    own = [likely_path(endpoint, "/api/v2/spans")] if has_own_path(endpoint) else []
    for path in dict.fromkeys((*own, "/api/v2/spans", "/zipkin/api/v2/spans")):
        candidate = parts._replace(path=path).geturl()
        if posted_url(candidate, wire_path) != posted_url(endpoint, wire_path):
            yield candidate


def _is_accepted(endpoint: str, encoding: str, connection: Connection) -> bool:
    """Whether an endpoint accepts an empty message, and its answer is not a web page for people."""
    encoder = encoder_named(encoding)
    sender = connection.sender(endpoint, encoder)
    if send_once(sender, encoder.join([])) is not None:
        return False
    return sender.answered is not None and not is_html(sender.answered.headers)
