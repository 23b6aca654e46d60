"""The first of three services without any tracing code: Flask, which calls the second one with requests."""

from __future__ import annotations

import os

import flask
import requests

app = flask.Flask(__name__)


@app.get("/buy/<article>")
def buy(article: str) -> str:
    answer = requests.post(f"{os.environ['ORDERS']}/orders/{article}", timeout=30)
    answer.raise_for_status()
    return answer.text
