"""Kafka with four partitions, two Zipkin servers in one group on one store, producers; a server and the broker are killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ..integration.kafka_server import KafkaServer
from ..integration.mariadb_server import MariadbServer
from ..integration.zipkin_server import ZipkinServer
from ..ports import free_port
from .balance import Balance, judge_accepted, judge_accounts, judge_stored
from .producers import Producers
from .reading import await_still, collected, read_topic, stored_by_api, stored_by_sql, stored_count
from .timetable import Event, follow, say

__all__ = ["run"]

PARTITIONS = 4
BROKER_KILLS = 1
TOPIC = "zipkin"
# Longer than a consumer's session (45 s): for that time nobody reads the partitions of a killed server.
MAX_STANDSTILL_S = 70.0
# A killed server loses messages of at most this age: it commits every 5 s, and has a queue before its store.
MAX_READ_AHEAD_S = 15.0


def run(seconds: float, processes: int, rate: float, folder: Path) -> Balance:
    """`rate`: spans a second of each producer."""
    with ExitStack() as running:
        store = running.enter_context(MariadbServer())
        broker = running.enter_context(KafkaServer(PARTITIONS))
        settings = {**store.zipkin_settings, **broker.zipkin_settings, "KAFKA_STREAMS": str(PARTITIONS // 2)}
        servers = [running.enter_context(ZipkinServer(free_port(), settings)) for _ in range(2)]
        endpoint = f"kafka://{broker.address}/{TOPIC}"
        producers = running.enter_context(Producers([endpoint] * processes, rate, folder))
        kills_s: list[float] = []

        def kill_server() -> None:
            servers[1].kill()
            kills_s.append(time.time())

        events = [
            Event(0.15, "one Zipkin server is killed", kill_server),
            Event(0.20, "it comes back", servers[1].start),
            Event(0.20, "the broker is killed", broker.kill),
            Event(0.15, "it comes back on its data", broker.start),
        ]
        follow(seconds, events, _progress(producers, store))
        return _balance(producers, broker, store, servers, kills_s)


def _progress(producers: Producers, store: MariadbServer) -> Callable[[], str]:
    return lambda: (
        f"{producers.total('finished'):8,} finished  {producers.total('sent'):8,} sent  "
        f"{producers.total('queued') + producers.total('in_flight'):7,} waiting  {stored_count(store):8,} stored"
    )


def _balance(
    producers: Producers, broker: KafkaServer, store: MariadbServer, servers: list[ZipkinServer], kills_s: list[float]
) -> Balance:
    say("the producers end")
    accounts = producers.end()
    made = producers.made(producers.names)
    accepted = read_topic(broker.address, TOPIC)
    goal = len(accepted.distinct())
    say(f"the broker has {goal:,} spans; waiting for the Zipkin servers")
    await_still(lambda: stored_count(store), goal, MAX_STANDSTILL_S)
    traces = [trace for each in made.values() for trace in each]
    balance = Balance()
    judge_accounts(balance, accounts, made)
    judge_accepted(balance, accounts, made, accepted, BROKER_KILLS)
    judge_stored(balance, "by SQL", traces, stored_by_sql(store), kills_s, MAX_READ_AHEAD_S)
    judge_stored(balance, "by its API", traces, stored_by_api(servers[0].url, traces), kills_s, MAX_READ_AHEAD_S)
    counters = collected([server.url for server in servers], "kafka")
    read, dropped = counters.get("spans", 0), counters.get("spans_dropped", 0)
    balance.line("read by the living servers", read, f"since their start; {dropped:,} of them dropped")
    return balance
