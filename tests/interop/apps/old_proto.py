"""Prints the generated spans as the deprecated proto3 encoder writes them, one in a line in base64, or `!` if it raises.

The encoder needs protobuf 3, which conflicts with everything else here.  So it runs in its own process, with protobuf 3 on
PYTHONPATH.
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
