"""A service that `opentelemetry-instrument` traces without any code of ours; it calls itself some times, and then ends."""

from __future__ import annotations

import threading

import requests
from flask import Flask
from opentelemetry import trace
from werkzeug.serving import make_server

app = Flask("shop")


@app.get("/price")
def price() -> str:
    return "7"


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for _ in range(3):
        with trace.get_tracer("shop").start_as_current_span("checkout"):
            requests.get(f"http://127.0.0.1:{server.port}/price", timeout=5).raise_for_status()
        trace.get_tracer_provider().force_flush()  # so that the exporter sends several requests
    server.shutdown()
