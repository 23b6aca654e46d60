"""A shop without any tracing code: Flask, SQLAlchemy, Redis, and a Celery task for the rest of the work."""

from __future__ import annotations

import os

import flask
import redis
import sqlalchemy
from celery import Celery

app = flask.Flask(__name__)
engine = sqlalchemy.create_engine(os.environ["DATABASE"])
stock = redis.Redis.from_url(os.environ["STOCK"])
tasks = Celery("shop", broker=os.environ["BROKER"], backend=os.environ["BROKER"])


@app.get("/buy/<article>")
def buy(article: str) -> str:
    with engine.connect() as connection:
        query = sqlalchemy.text("SELECT price FROM articles WHERE name = :name")
        price = connection.execute(query, {"name": article}).scalar_one()
    stock.decr(article)
    packed = tasks.send_task("pack", (article,)).get(timeout=30)
    return f"{packed} for {price}"
