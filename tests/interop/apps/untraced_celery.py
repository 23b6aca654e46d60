"""Celery tasks without any tracing code."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("untraced", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True


@app.task(name="pack")
def pack(article: str) -> str:
    return f"packed {article}"
