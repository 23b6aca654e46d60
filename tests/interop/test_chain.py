"""A request through Flask, SQLAlchemy, Redis and a Celery task, all started by `opentracing-zipkin run`, is one trace.

Our modules instrument Flask and Celery; OpenTelemetry's instrument SQLAlchemy, sqlite3 and redis.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.collector.dependencies import dependency_links

from ..integration.test_processes import environment, get
from ..integration.test_servers import await_log
from .processes import redis_server
from .steps import Step, steps_of
from .test_run import await_spans
from .traced import await_port, by_the_command, program

APPS = "tests.interop.apps"
SHOP = ["gunicorn", "--bind", "127.0.0.1:{port}", "{app}"]
WORKER = ["celery", "--app", "{app}", "worker", "--concurrency", "1", "--loglevel", "INFO"]


BUY, SEND = "get /buy/{article}", "send pack"
STEPS = [
    Step("shop", "SERVER", BUY, "", ""),
    Step("shop", "CLIENT", "connect", BUY, "sqlite"),
    Step("shop", "CLIENT", "select {database}", BUY, "sqlite", "SELECT price FROM articles WHERE name = ?"),
    Step("shop", "CLIENT", "decrby", BUY, "redis", "DECRBY ? ?"),
    Step("shop", "PRODUCER", SEND, BUY, "redis"),
    Step("worker", "CONSUMER", "pack", SEND, "redis"),
    Step("worker", "CLIENT", "incrby", "pack", "redis", "INCRBY ? ?"),
]
# Redis is both a database and a broker here.
LINKS = {("shop", "sqlite"): 2, ("shop", "redis"): 2, ("redis", "worker"): 1, ("worker", "redis"): 1}


# All spans are sent at the end, on a new connection; on a busy machine this may take longer than the default timeouts.
PATIENT = {"ZIPKIN_EXIT_STALL_TIMEOUT": "20", "ZIPKIN_EXIT_TIMEOUT": "25"}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with one article."""
    file = tmp_path / "shop.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE articles (name TEXT, price INTEGER)")
    connection.execute("INSERT INTO articles VALUES ('tea', 12)")
    connection.commit()
    connection.close()
    return file


def test_a_request_through_databases_and_a_task_is_one_trace(collector: Collector, database: Path, tmp_path: Path) -> None:
    """Each step is one span below the step that caused it, and the Redis commands of Celery itself have no spans."""
    with redis_server(tmp_path) as redis_port:
        url = f"redis://127.0.0.1:{redis_port}"
        settings = environment(collector, DATABASE=f"sqlite:///{database}", STOCK=f"{url}/1", BROKER=f"{url}/0", **PATIENT)
        worker = by_the_command("worker", WORKER, f"{APPS}.untraced_worker", tmp_path)
        shop = by_the_command("shop", SHOP, f"{APPS}.untraced_shop:app", tmp_path)
        with program(worker, settings, tmp_path, "worker") as (_, worker_log):
            await_log(worker_log, "ready\\.")
            with program(shop, settings, tmp_path, "shop") as (port, shop_log):
                await_port(port, shop_log)
                answer = get(f"http://127.0.0.1:{port}/buy/tea")
    await_spans(collector, len(STEPS))
    [trace] = collector.store.traces()
    steps = [step._replace(name=step.name.format(database=database)) for step in STEPS[1:]]
    redis = {(span.remote.ipv4, span.remote.port) for span in trace if span.remote and span.remote.service_name == "redis"}

    assert "1. tea for 12" == answer
    assert sorted([STEPS[0], *steps]) == steps_of([json.loads(json_v2.encode(span)) for span in trace])
    assert {("127.0.0.1", redis_port)} == redis
    assert LINKS == {(link["parent"], link["child"]): link["callCount"] for link in dependency_links([trace])}
    assert "zipkin: " not in worker_log.read_text() + shop_log.read_text()
