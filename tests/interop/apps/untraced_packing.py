"""Celery tasks without any tracing code, which call a gRPC service."""

from __future__ import annotations

import os

import grpc
from celery import Celery

app = Celery("packing", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True


@app.task(name="pack")
def pack(article: str) -> str:
    with grpc.insecure_channel(os.environ["WAREHOUSE"]) as channel:
        box: bytes = channel.unary_unary("/shop.Warehouse/Take")(article.encode(), timeout=20)
    return box.decode()
