"""py_zipkin in its last line that wrote Thrift, by thriftpy2, only to encode."""

# mypy: disable-error-code="import-not-found"
# It is installed in an environment of its own only.

from __future__ import annotations

from py_zipkin import Encoding

from .opentracing_work import Work
from .py_zipkin import encoding

__all__ = ["Adapter"]


class Adapter:
    def work(self, task: str, endpoint: str) -> Work:
        assert task == "encode_thrift"
        return encoding(Encoding.V1_THRIFT)

    def flush(self) -> None:
        pass
