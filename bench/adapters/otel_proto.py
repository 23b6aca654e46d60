"""OpenTelemetry's proto3 encoder; it is alone because its protobuf version does not fit the other parts of OpenTelemetry."""

# mypy: disable-error-code="import-not-found"
# It is only installed in a separate environment.

from __future__ import annotations

from opentelemetry.exporter.zipkin.proto.http.v2 import ProtobufEncoder

from .opentracing_work import Work
from .otel import encoding

__all__ = ["Adapter"]


class Adapter:
    def work(self, task: str, endpoint: str) -> Work:
        assert task == "encode_proto3"
        return encoding(ProtobufEncoder)

    def flush(self) -> None:
        pass
