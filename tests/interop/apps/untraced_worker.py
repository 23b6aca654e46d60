"""The Celery tasks of the shop, without any tracing code."""

from __future__ import annotations

import os

import redis
from celery import Celery

app = Celery("worker", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True
stock = redis.Redis.from_url(os.environ["STOCK"])


@app.task(name="pack")
def pack(article: str) -> str:
    return f"{stock.incr('packed')}. {article}"
