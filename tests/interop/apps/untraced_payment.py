"""The third of three services that know nothing of tracing: Flask, which answers with what was paid for."""

from __future__ import annotations

import flask

app = flask.Flask(__name__)


@app.post("/charge")
def charge() -> str:
    return f"paid {flask.request.get_json()['article']}"
