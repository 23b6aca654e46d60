"""A Flask application whose view answers with its span's id."""

from __future__ import annotations

from flask import Flask

import opentracing

from . import IMPORT, configure_at

configure_at(IMPORT)
app = Flask(__name__)


@app.get("/")
def index() -> str:
    with opentracing.tracer.start_active_span("get") as active:
        return str(getattr(active.span.context, "span_id", None))
