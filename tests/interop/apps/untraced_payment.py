"""The third of three services without any tracing code: Flask, which responds with the article that was paid."""

from __future__ import annotations

import flask

app = flask.Flask(__name__)


@app.post("/charge")
def charge() -> str:
    return f"paid {flask.request.get_json()['article']}"
