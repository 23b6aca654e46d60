"""An application that PyInstaller bundles: it sends a span in each encoding to its own collector, and reads the page.

It prints one line for each encoding with the result of `flush`, one for the page, and one for the command's version.
"""

from __future__ import annotations

import sys
import urllib.request

import opentracing_zipkin
from opentracing_zipkin.__main__ import main
from opentracing_zipkin.codec import ENCODINGS
from opentracing_zipkin.collector import Collector

with Collector() as collector:
    for encoding in ENCODINGS:
        tracer = opentracing_zipkin.ZipkinTracer("bundled", endpoint=collector.url, encoding=encoding)
        tracer.start_trace("get").finish()
        print(encoding, tracer.flush(10))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(collector.url) as page:
        print("page", page.status, "frozen", getattr(sys, "frozen", False))
main(["--version"])
