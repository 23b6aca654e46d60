"""This host's own address, as a server sees it: the source address of the route to the collector.

Rules: no packet is sent, because connecting a UDP socket only asks the kernel for the route.  The route to a collector on this
machine is useless: every host with a sidecar would be 127.0.0.1, and the Zipkin UI corrects clocks only where addresses differ.
In this case the route to any other address is used.  A name is looked up only where no route leads out of the host.  The result
is never 127.0.1.1, which Debian writes into /etc/hosts for the host's own name.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from ..model import Endpoint, parse_ip

__all__ = ["endpoint", "with_address"]

# Addresses for documentation (RFC 5737, RFC 3849): no host has them, so the default route leads to them.
_ANYWHERE = ("192.0.2.1", "2001:db8::1")
_ALL_HOSTS = "224.0.0.1"  # reaches all hosts in the network of one interface
_WORST_RANK = 3


def endpoint(service_name: str, ip: str | None, port: int) -> Endpoint:
    """A service's endpoint; `ip` is a literal, or None where it is not known yet."""
    ipv4, ipv6 = ("", "") if ip is None else parse_ip(ip)
    return Endpoint(service_name.lower(), ipv4, ipv6, port)


def with_address(url: str, known: Endpoint) -> Endpoint:
    """`known` with this host's address on the way to the URL's host, or to anywhere if there is no URL.

    `known` itself is returned if no such address is found.

    The name of the URL's host may be looked up, for which Python has no time limit.  So this must not run on an application's
    thread.
    """
    best, lowest = "", _WORST_RANK + 1
    for source, target in _routes(urlsplit(url).hostname or ""):
        rank = _rank(source, target)
        if rank < lowest:
            best, lowest = source, rank
        if rank == 0:
            break
    if best in ("", "127.0.1.1"):
        return known
    ipv4, ipv6 = parse_ip(best)
    return known._replace(ipv4=ipv4, ipv6=ipv6)


def _rank(source: str, target: str) -> int:
    """The rank of an address, from 0, which distinguishes this host best from others, to `_WORST_RANK`."""
    address = ip_address(source)
    if address.is_loopback:
        return _WORST_RANK
    if source == target:  # the target is on this machine, such as a bridge to containers; other hosts may have the same address
        return 2
    return 1 if address.is_link_local else 0


def _routes(host: str) -> Iterator[tuple[str, str]]:
    """Source addresses of routes from this host, with their targets; the best candidates come first."""
    if any(parse_ip(host)):
        yield from _route(host)
    for target in _ANYWHERE:
        yield from _route(target)
    for target in _looked_up(host) if host else ():
        yield from _route(target)
    for index in _interfaces():  # such a network may have no way out
        yield from _route(_ALL_HOSTS, index)


def _route(target: str, interface: int = 0) -> Iterator[tuple[str, str]]:
    """The source address of the route to an address, and that address in canonical spelling; nothing where there is no route.

    `interface` is the one where the route begins; 0 leaves the choice to the kernel.
    """
    address, _, zone = target.partition("%")
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            if interface:
                probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("@4s4si", b"", b"", interface))
            probe.connect((address, 9, 0, _index(zone)) if zone else (address, 9))
            found = "".join(parse_ip(probe.getsockname()[0]))
    except Exception:  # no route; or a test has blocked or mocked sockets, which may raise anything
        return
    if found and not ip_address(found).is_unspecified:
        yield found, "".join(parse_ip(address))


def _index(zone: str) -> int:
    """The number of the interface with a name; a URL writes `25` before the name (RFC 6874)."""
    numbers = {name: index for index, name in socket.if_nameindex()}
    return numbers.get(zone) or numbers[zone.removeprefix("25")]


def _looked_up(host: str) -> list[str]:
    try:
        return [str(address[0]) for *_, address in socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)]
    except Exception:  # no such name; or a test has blocked look-ups, too
        return []


def _interfaces() -> list[int]:
    try:
        return [index for index, _ in socket.if_nameindex()]
    except Exception:  # this system cannot list interfaces
        return []
