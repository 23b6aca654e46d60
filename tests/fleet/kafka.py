"""Kafka with four partitions, two Zipkin servers in one group on one store, producers; a server and the broker are killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from ..integration.kafka_server import KafkaServer
from ..integration.mariadb_server import MariadbServer
from ..integration.zipkin_server import ZipkinServer
from .balance import Balance, SpanId, judge
from .producers import Producers
from .reading import await_still, collected, read_topic, stored_by_api, stored_by_sql, stored_count
from .timetable import Event, follow, say

__all__ = ["run"]

PARTITIONS = 4
TOPIC = "zipkin"
# Longer than a consumer's session (45 s): so long may the partitions of a killed server be nobody's.
STILL_S = 70.0
# A server commits by time, every 5 s, and has a queue before its store: so old may messages be that a killed one loses.
READ_AHEAD_S = 15.0


def run(seconds: float, processes: int, rate: float, folder: Path) -> Balance:
    """`rate`: spans a second of each producer."""
    with ExitStack() as running:
        store = running.enter_context(MariadbServer())
        broker = running.enter_context(KafkaServer(PARTITIONS))
        settings = {**store.zipkin_settings, **broker.zipkin_settings, "KAFKA_STREAMS": str(PARTITIONS // 2)}
        servers = [running.enter_context(ZipkinServer(settings=settings)) for _ in range(2)]
        endpoint = f"kafka://{broker.address}/{TOPIC}"
        producers = running.enter_context(Producers([endpoint] * processes, rate, folder))
        kills_s: list[float] = []

        def kill_server() -> None:
            servers[1].kill()
            kills_s.append(time.time())

        events = [
            Event(0.15, "one Zipkin server is killed", kill_server),
            Event(0.35, "it comes back", servers[1].start),
            Event(0.55, "the broker is killed", broker.kill),
            Event(0.70, "it comes back on its data", broker.start),
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
    traces = {name: producers.made(name) for name in producers.names}
    accepted = read_topic(broker.address, TOPIC)
    goal = len(accepted.distinct())
    say(f"the broker has {goal:,} spans; waiting for the Zipkin servers")
    await_still(lambda: stored_count(store), goal, STILL_S)
    stored = {
        "by SQL": stored_by_sql(store),
        "by its API": stored_by_api(servers[0].url, (trace for made in traces.values() for trace, *_ in made)),
    }
    balance = judge(accounts, finished_of(traces), accepted, stored, kills_s, READ_AHEAD_S)
    counters = collected([server.url for server in servers], "kafka")
    remark = "by the living servers' counters since their start, dropped by them: " + str(counters.get("spans_dropped", 0))
    balance.line("read by Zipkin", counters.get("spans", 0), remark)
    return balance


def finished_of(traces: Mapping[str, list[list[str]]]) -> dict[str, list[SpanId]]:
    """The spans of each producer by the ids that the store knows."""
    return {name: [(trace[-16:], span) for trace, *spans in made for span in spans] for name, made in traces.items()}
