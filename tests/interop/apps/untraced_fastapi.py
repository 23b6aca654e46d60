"""A FastAPI service without any tracing code; it calls another service and responds with its process's id."""

from __future__ import annotations

import os

import fastapi
import fastapi.responses
import requests

app = fastapi.FastAPI()


@app.get("/buy/{article}", response_class=fastapi.responses.PlainTextResponse)
def buy(article: str) -> str:
    requests.get(os.environ["TARGET"], timeout=20).raise_for_status()
    return str(os.getpid())
