"""RabbitMQ, one Zipkin server that keeps spans in memory, and producers; the broker is killed and comes back.

A queue, unlike a topic, cannot be read twice.  So there are two queues: Zipkin reads the one, and two more producers fill
the other, which nobody reads before the end.  The second queue shows our promise alone, apart from Zipkin's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pika

from ..integration.rabbitmq_server import RabbitmqServer
from ..integration.zipkin_server import ZipkinServer
from .balance import Accepted, Balance, judge_accepted, judge_accounts, judge_stored
from .producers import Producers
from .reading import await_still, span_ids, stored_by_api
from .timetable import Event, follow, say

__all__ = ["run"]

QUEUES = {"zipkin": 2, "audit": 2}
MAX_STANDSTILL_S = 20.0
# Zipkin takes messages without acknowledgement: messages on their way from the broker are lost with the broker.
MAX_READ_AHEAD_S = 5.0


def run(seconds: float, rate: float, folder: Path) -> Balance:
    """`rate`: spans a second of each producer."""
    with ExitStack() as running:
        broker = running.enter_context(RabbitmqServer())
        _declare(broker, "audit")
        server = running.enter_context(ZipkinServer(settings=broker.zipkin_settings))
        endpoints = [f"{broker.url}?queue={queue}" for queue, count in QUEUES.items() for _ in range(count)]
        producers = running.enter_context(Producers(endpoints, rate, folder))
        kills_s: list[float] = []

        def kill_broker() -> None:
            broker.kill()
            kills_s.append(time.time())

        events = [
            Event(0.3, "the broker is killed", kill_broker),
            Event(0.2, "it comes back on its data", broker.start),
        ]
        follow(seconds, events, _progress(producers))
        return _balance(producers, broker, server, kills_s)


def _declare(broker: RabbitmqServer, queue: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    connection.channel().queue_declare(queue, durable=True)
    connection.close()


def _progress(producers: Producers) -> Callable[[], str]:
    return lambda: (
        f"{producers.total('finished'):8,} finished  {producers.total('sent'):8,} sent  "
        f"{producers.total('queued') + producers.total('in_flight'):7,} waiting"
    )


def _balance(producers: Producers, broker: RabbitmqServer, server: ZipkinServer, kills_s: list[float]) -> Balance:
    say("the producers end")
    accounts = producers.end()
    to_zipkin, to_audit = producers.names[: QUEUES["zipkin"]], producers.names[QUEUES["zipkin"] :]
    made = producers.made(producers.names)
    traces = [trace for name in to_zipkin for trace in made[name]]
    goal = sum(len(trace.span_ids) for trace in traces)
    say(f"{goal:,} spans went to Zipkin; waiting for it")
    await_still(lambda: len(stored_by_api(server.url, traces)), goal, MAX_STANDSTILL_S)
    balance = Balance()
    judge_accounts(balance, accounts, made)
    audited = {name: accounts[name] for name in to_audit}
    accepted = Accepted()
    for body in _messages(broker, "audit"):
        accepted.add(body, span_ids(body))
    judge_accepted(balance, audited, made, accepted, len(kills_s))
    judge_stored(balance, "by its API", traces, stored_by_api(server.url, traces), kills_s, MAX_READ_AHEAD_S)
    return balance


def _messages(broker: RabbitmqServer, queue: str) -> Iterator[bytes]:
    """Take all messages from the queue, in order."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            break
        yield body
    connection.close()
