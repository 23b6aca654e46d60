"""The headers of real frameworks are read the short way, and say the same as a dict does."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import Headers, MutableHeaders
from werkzeug.datastructures import EnvironHeaders

from opentracing import Format
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.propagation.frameworks import Frameworks
from opentracing_zipkin.testing import InMemoryRecorder

B3 = {"x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124", "x-b3-spanid": "a2fb4a1d1a96d312", "x-b3-sampled": "1"}
PAIRS = [(name.encode(), value.encode()) for name, value in {"host": "h", **B3}.items()]
ENVIRON = {"wsgi.input": None, "HTTP_HOST": "h", **{"HTTP_" + name.upper().replace("-", "_"): B3[name] for name in B3}}

CARRIERS = [Headers(raw=PAIRS), MutableHeaders(raw=PAIRS), EnvironHeaders(ENVIRON)]


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: type(carrier).__name__)
def test_a_frameworks_headers_are_a_view_of_what_is_read(carrier: Any) -> None:
    """Were one of these classes to change, reading it would be as right as ever, and three times as dear."""
    view = Frameworks(lambda name: "b3" in name).as_dict(carrier)
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())

    assert view in (B3, ENVIRON)
    assert repr(tracer.extract(Format.HTTP_HEADERS, B3)) == repr(tracer.extract(Format.HTTP_HEADERS, carrier))
