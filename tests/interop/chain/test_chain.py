"""A request to a shop uses a database, a cache, a task, a gRPC service and a message; on a real Zipkin server it is one trace.

`opentracing-zipkin run` starts all five services, and they have no tracing code.  Our modules instrument Flask and Celery;
OpenTelemetry's instrument SQLAlchemy, psycopg2, redis, gRPC and Kafka.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
import requests

from ...integration.kafka_server import KafkaServer
from ...integration.test_processes import get
from ...integration.test_servers import await_log
from ...integration.zipkin_server import ZipkinServer
from ..processes import redis_server
from ..steps import Step, steps_of
from ..traced import await_port as await_answers, by_the_command, program
from .servers import postgres

APPS = "tests.interop.apps"
MAX_STORE_WAIT_S = 30.0


BUY, TAKE = "get /buy/{article}", "/shop.warehouse/take"
STEPS = [
    Step("shop", "SERVER", BUY, "", ""),
    Step("shop", "CLIENT", "connect", BUY, "prices"),
    Step("shop", "CLIENT", "select prices", BUY, "prices", "SELECT price FROM articles WHERE name = %(name)s"),
    Step("shop", "CLIENT", "decrby", BUY, "redis", "DECRBY ? ?"),
    Step("shop", "PRODUCER", "send pack", BUY, "redis"),
    Step("packing", "CONSUMER", "pack", "send pack", "redis"),
    Step("packing", "CLIENT", TAKE, "pack", "shop.warehouse"),
    Step("warehouse", "SERVER", TAKE, "pack", ""),  # the server's side of the client's span above
    Step("warehouse", "PRODUCER", "parcels send", TAKE, "kafka"),
    Step("delivery", "CONSUMER", "parcels receive", "parcels send", "kafka"),
]
LINKS = {
    ("shop", "prices"): 2,
    ("shop", "redis"): 2,
    ("redis", "packing"): 1,
    ("packing", "warehouse"): 1,
    ("warehouse", "kafka"): 1,
    ("kafka", "delivery"): 1,
}


class Shop(NamedTuple):
    """The shop's answer, the traces and links of Zipkin, the servers' ports, and the services' logs."""

    answer: str
    traces: list[list[dict[str, Any]]]
    links: dict[tuple[str, str], int]
    ports: dict[str, int]
    said: str


def fill(port: int) -> None:
    """Make a database of prices with one article."""
    for database, statements in (
        ("postgres", ["CREATE DATABASE prices"]),
        ("prices", ["CREATE TABLE articles (name TEXT, price INTEGER)", "INSERT INTO articles VALUES ('tea', 12)"]),
    ):
        connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname=database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Start all servers and services, send one request, and end all services, so that their spans are sent."""
    folder = tmp_path_factory.mktemp("chain")
    with ExitStack() as servers:
        zipkin = servers.enter_context(ZipkinServer())
        ports = {
            "postgresql": servers.enter_context(postgres()),
            "redis": servers.enter_context(redis_server(folder)),
            "kafka": servers.enter_context(KafkaServer()).port,
        }
        fill(ports["postgresql"])
        answer, said = buy(zipkin.url, ports, folder)
        yield Shop(answer, traces_of(zipkin.url), links_of(zipkin.url), ports, said)


def buy(zipkin: str, ports: dict[str, int], folder: Path) -> tuple[str, str]:
    settings = {
        "ZIPKIN_ENDPOINT": zipkin,
        "ZIPKIN_FLUSH_INTERVAL": "60",
        "DATABASE": f"postgresql+psycopg2://postgres@127.0.0.1:{ports['postgresql']}/prices",
        "STOCK": f"redis://127.0.0.1:{ports['redis']}/1",
        "BROKER": f"redis://127.0.0.1:{ports['redis']}/0",
        "KAFKA": f"127.0.0.1:{ports['kafka']}",
    }
    logs: list[Path] = []

    def start(name: str, *command: str, **more: str) -> tuple[int, Path]:
        traced = by_the_command(name, list(command), "", folder)
        port, log = services.enter_context(program(traced, {**os.environ, **settings, **more}, folder, name))
        logs.append(log)
        return port, log

    with ExitStack() as services:
        _, delivery = start("delivery", "python", "-m", f"{APPS}.untraced_delivery")
        warehouse, log = start("warehouse", "python", "-m", f"{APPS}.untraced_warehouse", "{port}")
        await_answers(warehouse, log)
        worker = ["celery", "--app", f"{APPS}.untraced_packing", "worker", "--concurrency", "1", "--loglevel", "INFO"]
        _, log = start("packing", *worker, WAREHOUSE=f"127.0.0.1:{warehouse}")
        await_log(log, "ready\\.")
        port, log = start("shop", "gunicorn", "--bind", "127.0.0.1:{port}", f"{APPS}.untraced_shop:app")
        await_answers(port, log)
        answer = get(f"http://127.0.0.1:{port}/buy/tea")
        await_log(delivery, "delivered tea")
    return answer, "".join(log.read_text() for log in logs)


def ask(url: str, **query: object) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, params={name: str(value) for name, value in query.items()}, timeout=10)
        answer.raise_for_status()
        return answer.json()


def traces_of(zipkin: str) -> list[list[dict[str, Any]]]:
    """All traces, as soon as they have the expected number of spans, or those stored after MAX_STORE_WAIT_S."""
    deadline = time.monotonic() + MAX_STORE_WAIT_S
    while True:
        traces: list[list[dict[str, Any]]] = ask(f"{zipkin}/api/v2/traces", limit=100)
        if sum(map(len, traces)) >= len(STEPS) or time.monotonic() > deadline:
            return traces
        time.sleep(0.1)


def links_of(zipkin: str) -> dict[tuple[str, str], int]:
    links = ask(f"{zipkin}/api/v2/dependencies", endTs=int(time.time() * 1000) + 60_000, lookback=3_600_000)
    return {(link["parent"], link["child"]): link["callCount"] for link in links}


def test_each_step_is_one_span_of_one_trace(shop: Shop) -> None:
    """Each step is one span below the step that caused it, and the Redis commands of Celery itself have no spans."""
    [trace] = shop.traces

    assert "a box of tea for 12" == shop.answer
    assert sorted(STEPS) == steps_of(trace)
    assert "zipkin: " not in shop.said


def test_databases_and_brokers_have_their_addresses(shop: Shop) -> None:
    """Remote endpoints have the addresses that the applications use; a gRPC client only knows the service's name."""
    [trace] = shop.traces
    remotes = {
        (remote["serviceName"], remote.get("ipv4"), remote.get("port"))
        for remote in (span.get("remoteEndpoint", {}) for span in trace)
        if "serviceName" in remote
    }

    assert {
        ("prices", "127.0.0.1", shop.ports["postgresql"]),
        ("redis", "127.0.0.1", shop.ports["redis"]),
        ("kafka", "127.0.0.1", shop.ports["kafka"]),
        ("shop.warehouse", None, None),
    } == remotes


def test_the_dependency_graph_has_all_of_them(shop: Shop) -> None:
    """In the dependency graph a broker is between the sender and the receiver, and no call is counted twice."""
    assert LINKS == shop.links
