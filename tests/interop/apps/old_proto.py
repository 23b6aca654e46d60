"""Prints what the deprecated proto3 encoder makes of the generated spans, one a line in base64; `!` where it raises.

Its code is of protobuf 3, which nothing else here can live with; so it runs in a process of its own, with that on PYTHONPATH.
"""

from __future__ import annotations

from base64 import b64encode

from opentelemetry.exporter.zipkin.node_endpoint import NodeEndpoint
from opentelemetry.exporter.zipkin.proto.http.v2 import ProtobufEncoder

from ..otel_spans import generated

for span in generated():
    node = NodeEndpoint("10.1.2.3", None, 80)
    node.service_name = "Shop"
    try:
        print(b64encode(ProtobufEncoder(None).serialize([span], node)).decode())
    except ValueError:
        print("!")
