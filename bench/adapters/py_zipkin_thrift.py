"""The last release of py_zipkin that wrote Thrift (with thriftpy2); it is used for encoding only."""

# mypy: disable-error-code="import-not-found"
# It is only installed in a separate environment.

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
