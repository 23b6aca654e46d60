"""A fixed trace in the form of a query API: two services, a shared span, a local one that failed."""

from __future__ import annotations

from opentracing_zipkin.demo.visits import Json

ROOT: Json = {
    "traceId": "1",
    "id": "1",
    "kind": "SERVER",
    "name": "get /",
    "timestamp": 1_000_000,
    "duration": 100_000,
    "localEndpoint": {"serviceName": "frontend"},
}
CALL: Json = {
    "traceId": "1",
    "id": "2",
    "parentId": "1",
    "kind": "CLIENT",
    "name": "get /stock",
    "timestamp": 1_010_000,
    "duration": 50_000,
    "localEndpoint": {"serviceName": "frontend"},
}
JOINED: Json = {
    "traceId": "1",
    "id": "2",
    "parentId": "1",
    "kind": "SERVER",
    "name": "get /stock",
    "shared": True,
    "timestamp": 1_020_000,
    "duration": 30_000,
    "localEndpoint": {"serviceName": "orders"},
}
READ: Json = {
    "traceId": "1",
    "id": "3",
    "parentId": "2",
    "name": "read",
    "timestamp": 1_030_000,
    "duration": 10_000,
    "localEndpoint": {"serviceName": "orders"},
    "tags": {"error": "OSError: no disk"},
}
DRAW: Json = {
    "traceId": "1",
    "id": "4",
    "parentId": "1",
    "name": "draw",
    "timestamp": 1_080_000,
    "duration": 20_000,
    "localEndpoint": {"serviceName": "frontend"},
}
TRACE = [READ, DRAW, JOINED, CALL, ROOT]  # in the order of arrival, which is that of the ends
