"""The recorded figures of one run, and the sizes of a fleet that follow from them.

Rules: sizes are computed from CPU time if the CPU limits a link, because the wall clock of a small, shared machine says
little about other machines.  A link has half of its highest load; the rest is for peaks, outages and growth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["MAX_LOAD", "RATES", "Carried", "Figures", "Size", "read", "size", "write"]

MAX_LOAD = 0.5
RATES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
DAY_S = 86_400

# The links that sizes are computed from.
PROCESS = "one process, Kafka, json"
PARTITION = "one partition, ready messages, json"
COLLECTOR = "one collector, Kafka into memory"
STORE = "one collector, Kafka into MariaDB"


class Carried(NamedTuple):
    """The spans that a link carried in some seconds; `cpu_s` is its CPU time; `wire_bytes` is 0 if they were not measured."""

    link: str
    spans: int
    seconds: float
    cpu_s: float
    wire_bytes: int = 0

    @property
    def a_second(self) -> float:
        return self.spans / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds of a span."""
        return self.cpu_s / self.spans * 1e6


class Figures(NamedTuple):
    """`message_bytes` are those of a span on the wire, by encoding; `stored_bytes` those of a span in MariaDB, with indexes."""

    machine: str
    carried: Mapping[str, Carried]
    message_bytes: Mapping[str, float]
    stored_bytes: float


class Size(NamedTuple):
    """The sizes for a fleet that makes this number of spans a second and keeps all of them."""

    spans_a_second: int
    producer_cores: float
    partitions: int
    servers: int
    json_mb_a_second: float
    proto3_mb_a_second: float
    stored_gb_a_day: float
    one_server_rate: float


def size(figures: Figures, spans_a_second: int) -> Size:
    """The sizes; `one_server_rate` is the sampling rate at which one Zipkin server with one MariaDB is enough."""
    carried = figures.carried
    servers = ceil(spans_a_second * carried[COLLECTOR].cpu_us / 1e6 / MAX_LOAD)
    by_load = ceil(spans_a_second / (carried[PARTITION].a_second * MAX_LOAD))
    return Size(
        spans_a_second,
        spans_a_second * carried[PROCESS].cpu_us / 1e6,
        max(servers, by_load),  # a partition is read by one server at a time
        servers,
        spans_a_second * figures.message_bytes["json"] / 1e6,
        spans_a_second * figures.message_bytes["proto3, gzip"] / 1e6,
        spans_a_second * DAY_S * figures.stored_bytes / 1e9,
        min(1.0, carried[STORE].a_second * MAX_LOAD / spans_a_second),
    )


def write(figures: Figures, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    said: dict[str, Any] = figures._asdict()
    said["carried"] = [each._asdict() for each in figures.carried.values()]
    file.write_text(json.dumps(said, indent=1) + "\n")


def read(file: Path) -> Figures:
    said = json.loads(file.read_text())
    said["carried"] = {each["link"]: Carried(**each) for each in said["carried"]}
    return Figures(**said)
