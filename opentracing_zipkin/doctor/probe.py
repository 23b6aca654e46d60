"""Probes: spans that are sent as the application would send them, by its sender and in its encoding.

A server that keeps only a part of the traces decides by the low half of a trace id (COLLECTOR_SAMPLE_RATE).  So the probes' ids
are spread evenly over all possible ids, and the share that is found is the share that the server keeps.  A debug span is always
kept.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from random import SystemRandom
from typing import NamedTuple

from ..clock import monotonic
from ..codec import encoder_named
from ..model import Endpoint, FinishedSpan
from ..senders import SendError
from ..senders.http import HttpSender
from ..senders.url import shown
from .answers import HTML, TOO_SLOW, refusal_finding
from .clock import clock_finding
from .connection import Connection, is_html, send_once
from .network import client_certificate_finding, wants_tls_finding
from .report import OK, WARNING, Finding, Kind

__all__ = ["PROBE_COUNT", "SERVICE", "Probes", "check_sent", "probes_of", "random_id"]

SERVICE = "opentracing-zipkin-doctor"
PROBE_COUNT = 20
MAX_ANSWER_S = 2.0

ACCEPTED = Kind("accepted", OK, "answer", "{url} has taken {count} spans in {encoding}, in {milliseconds} ms (HTTP {status})")
SLOW = Kind(
    "slow",
    WARNING,
    "answer",
    "{url} has taken {count} spans in {seconds} s; spans wait during that time, and further ones are dropped when 50,000 wait",
    "look at the server's load and storage, and at the network between",
)

_random = SystemRandom()


def random_id() -> str:
    """A random id of 64 bits."""
    return f"{_random.randrange(1, 1 << 64):016x}"


class Probes(NamedTuple):
    """The probes: `spread` has the trace ids of single spans; the pair `long_id` and `short_id` has the same low half."""

    spans: list[FinishedSpan]
    spread: list[str]
    long_id: str
    short_id: str


def probes_of(bits: int) -> Probes:
    """New probes with the present time and trace ids of `bits` bits, and the pair."""
    high = random_id()
    prefix = high if bits == 128 else ""
    part = (1 << 63) / PROBE_COUNT
    spread = [f"{prefix}{int((number + _random.random()) * part) or 1:016x}" for number in range(PROBE_COUNT)]
    short_id = random_id()
    long_id = high + short_id
    spans = [_probe(one, debug=False) for one in spread] + [_probe(one, debug=True) for one in (long_id, short_id)]
    return Probes(spans, spread, long_id, short_id)


def _probe(trace_id: str, debug: bool) -> FinishedSpan:
    return FinishedSpan(
        trace_id,
        random_id(),
        name="probe",
        timestamp_us=time.time_ns() // 1000,
        duration_us=1000,
        local=Endpoint(SERVICE),
        tags={"doctor": "a probe, which may be ignored"},
        debug=debug,
    )


def check_sent(
    endpoint: str, encoding: str, spans: list[FinishedSpan], connection: Connection
) -> Generator[Finding, None, bool]:
    """Send spans as the application would; the generator returns True where the server has taken them."""
    encoder = encoder_named(encoding)
    sender = connection.sender(endpoint, encoder)
    body = encoder.join([encoder.encode(span) for span in spans])
    begin, sent_at = monotonic(), time.time()
    refusal = send_once(sender, body)
    seconds, url, answer = monotonic() - begin, shown(sender.urls[0]), sender.answered
    if answer is not None:
        yield clock_finding(answer.headers.get("Date", ""), sent_at, sent_at + seconds)
    if refusal is not None:
        yield _failure(refusal, sender, endpoint, encoding, len(body), seconds, connection)
        return False
    status = 0 if answer is None else answer.status
    if answer is not None and is_html(answer.headers):
        yield HTML(url=url, status=status)
        return False
    if seconds > MAX_ANSWER_S:
        yield SLOW(url=url, count=len(spans), seconds=f"{seconds:.1f}")
    else:
        yield ACCEPTED(url=url, count=len(spans), encoding=encoding, milliseconds=round(seconds * 1000), status=status)
    return True


def _failure(
    error: SendError, sender: HttpSender, endpoint: str, encoding: str, size: int, seconds: float, connection: Connection
) -> Finding:
    url = sender.urls[0]
    if sender.answered is None:
        if seconds >= connection.timeout_s * 0.95:
            return TOO_SLOW(url=shown(url), seconds=f"{connection.timeout_s:g}")
        finding = client_certificate_finding(url, connection) if url.startswith("https:") else None
        if finding is not None:
            return finding
    if (sender.answered is None or sender.answered.status == 400) and not connection.proxy_of(url):
        finding = wants_tls_finding(url) if url.startswith("http:") else None
        if finding is not None:
            return finding
    return refusal_finding(error, sender, endpoint, encoding, size, connection)
