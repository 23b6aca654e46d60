"""This host's own address, as a server sees it: the source address of the route to the collector.

Rules: no DNS, no packet: connecting a UDP socket only asks the kernel for the route.  Never 127.0.1.1, which Debian writes
into /etc/hosts for the host's own name.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from ..model import Endpoint, parse_ip

__all__ = ["endpoint", "towards"]

# Where the collector's host is a name, any address beyond the default gateway gives the same source (RFC 5737).
_ANY_HOST = "192.0.2.1"


def endpoint(service_name: str, ip: str | None, port: int) -> Endpoint:
    """A service's endpoint; `ip` is a literal, or None where it is not known yet."""
    ipv4, ipv6 = ("", "") if ip is None else parse_ip(ip)
    return Endpoint(service_name.lower(), ipv4, ipv6, port)


def towards(url: str, known: Endpoint) -> Endpoint:
    """`known` with the address that a connection to the URL's host leaves from; unchanged where there is no route."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        host = "127.0.0.1"
    target = host if any(parse_ip(host)) else _ANY_HOST
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            ipv4, ipv6 = parse_ip(probe.getsockname()[0])
    except Exception:  # no route; or sockets that a test has blocked or mocked, by an error of any kind
        return known
    return known if ipv4 == "127.0.1.1" else known._replace(ipv4=ipv4, ipv6=ipv6)
