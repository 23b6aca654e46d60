"""A Flask service without any tracing code; it calls another service and responds with its process's id."""

from __future__ import annotations

import os

import flask
import requests

app = flask.Flask(__name__)


@app.get("/buy/<article>")
def buy(article: str) -> str:
    requests.get(os.environ["TARGET"], timeout=20).raise_for_status()
    return str(os.getpid())
