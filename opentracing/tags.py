"""Names of those tags that every tracer understands, and the values of `span.kind`.

Source: the OpenTracing semantic conventions.  All names of 0.5 are here, with the values of 2.x.
"""

from __future__ import annotations

__all__ = [
    "COMPONENT",
    "DATABASE_INSTANCE",
    "DATABASE_STATEMENT",
    "DATABASE_TYPE",
    "DATABASE_USER",
    "ERROR",
    "HTTP_METHOD",
    "HTTP_STATUS_CODE",
    "HTTP_URL",
    "MESSAGE_BUS_DESTINATION",
    "PEER_ADDRESS",
    "PEER_HOSTNAME",
    "PEER_HOST_IPV4",
    "PEER_HOST_IPV6",
    "PEER_PORT",
    "PEER_SERVICE",
    "SAMPLING_PRIORITY",
    "SERVICE",
    "SPAN_KIND",
    "SPAN_KIND_CONSUMER",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_RPC_CLIENT",
    "SPAN_KIND_RPC_SERVER",
]

SPAN_KIND = "span.kind"
# In 0.5 these two values were 'c' and 's'.  Code for either version compares with the constant; instrumentations write the
# word.
SPAN_KIND_RPC_CLIENT = "client"
SPAN_KIND_RPC_SERVER = "server"
SPAN_KIND_CONSUMER = "consumer"
SPAN_KIND_PRODUCER = "producer"

SERVICE = "service"
ERROR = "error"
COMPONENT = "component"
# A value above 0 asks the tracer to keep the trace; 0 asks it not to.
SAMPLING_PRIORITY = "sampling.priority"

# These tags describe the other side of a call, on a client's or a server's span.
PEER_SERVICE = "peer.service"
PEER_HOSTNAME = "peer.hostname"
PEER_ADDRESS = "peer.address"
PEER_HOST_IPV4 = "peer.ipv4"  # "127.0.0.1", or the address as an int
PEER_HOST_IPV6 = "peer.ipv6"
PEER_PORT = "peer.port"

HTTP_URL = "http.url"
HTTP_METHOD = "http.method"
HTTP_STATUS_CODE = "http.status_code"

DATABASE_INSTANCE = "db.instance"
DATABASE_STATEMENT = "db.statement"
DATABASE_TYPE = "db.type"
DATABASE_USER = "db.user"

MESSAGE_BUS_DESTINATION = "message_bus.destination"
