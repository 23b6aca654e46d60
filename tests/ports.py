"""Ports on loopback for servers that the tests start, or that they leave away."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

__all__ = ["free_port"]

SERVER_PORTS = 20_000, 32_000  # clients get 32768 and more: net.ipv4.ip_local_port_range, ip-sysctl


def free_port() -> int:
    """A port that nobody listens on; the kernel gives it to no client, which could take it while the server is down."""
    while True:
        port = random.randrange(*SERVER_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
