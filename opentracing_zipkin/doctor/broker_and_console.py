"""Spans that go to a broker, or to the console: are they taken, and does a Zipkin server get them from there?

Rules: the application's own sender sends the broker an empty list, which a Zipkin server skips.  Only the server itself can
tell whether it reads from the broker; the endpoint does not name that server, so the user does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ..clock import monotonic
from ..codec import SpanEncoder, encoder_named
from ..senders import Sender
from ..senders.chosen import chosen_sender
from ..senders.console import problem_with
from ..senders.endpoint import console_path, shown_target
from ..settings import Effective
from .connection import send_once
from .probe import Probes
from .query import NEVER_SHOWN, QueriedServer, check_found
from .report import FAULT, OK, WARNING, Finding, Kind

__all__ = ["UNREAD", "check_broker", "check_console", "check_read", "target_of"]

TAKEN = Kind("taken", OK, "broker", "{broker} has taken an empty list, in {milliseconds} ms")
NOT_TAKEN = Kind(
    "not-taken",
    FAULT,
    "broker",
    "an empty list is not accepted: {reason}",
    "find out whether the broker runs, and whether this machine reaches its port; Kafka's clients must reach the address that "
    "each broker advertises (advertised.listeners), too",
)
REFUSED_BY_BROKER = Kind(
    "refused-by-broker",
    FAULT,
    "broker",
    "an empty list is refused for good: {reason}",
    "look at the user, its password and its rights, and at the topic, or the virtual host and the queue, that ZIPKIN_ENDPOINT "
    "names",
)
UNREAD = Kind(
    "unread",
    WARNING,
    "query",
    "it is not known whether a Zipkin server gets the spans from {broker}, because the endpoint does not name that server",
    "name it: opentracing-zipkin doctor --zipkin http://zipkin:9411",
)
NOT_READ = Kind(
    "not-read",
    FAULT,
    "query",
    "the Zipkin server {server} shows none of the probes that {broker} has taken{health}",
    "make the server read from there: KAFKA_BOOTSTRAP_SERVERS and KAFKA_TOPIC, or RABBIT_ADDRESSES, RABBIT_VIRTUAL_HOST "
    "and RABBIT_QUEUE; then look into the server's log",
)
WRITABLE = Kind("writable", OK, "console", "{target} can be written by this user")
UNCOLLECTED = Kind(
    "uncollected",
    WARNING,
    "console",
    "lines that are written to {target} reach no Zipkin server by themselves",
    "let the platform collect the lines, and send them to the server; docs/how-to/console.md shows how",
)
NOT_WRITABLE = Kind(
    "not-writable",
    FAULT,
    "console",
    "{target} cannot be written by this user: {reason}",
    "set ZIPKIN_ENDPOINT to a file that this user can write, for instance console:/var/log/spans.jsonl, or console: for stderr",
)


def check_broker(found: Effective) -> Generator[Finding, None, bool]:
    """Check whether the broker takes a message; the generator returns True where it does."""
    _, sender = _parts_of(found)
    begin = monotonic()
    refusal = send_once(sender, b"[]")
    if refusal is not None:
        yield (NOT_TAKEN if refusal.retryable else REFUSED_BY_BROKER)(reason=refusal)
        return False
    yield TAKEN(broker=target_of(found), milliseconds=round((monotonic() - begin) * 1000))
    return True


def check_console(found: Effective) -> Iterator[Finding]:
    """Check whether lines can be written to the console or the file; none is written."""
    target, problem = target_of(found), problem_with(console_path(found.endpoints[0]))
    if problem:
        yield NOT_WRITABLE(target=target, reason=problem)
    else:
        yield WRITABLE(target=target)
        yield UNCOLLECTED(target=target)


def check_read(found: Effective, server: QueriedServer, probes: Probes, id_source: str) -> Iterator[Finding]:
    """Check whether the Zipkin server gets the spans from the broker.  `id_source`: the same as for `check_found`."""
    encoder, sender = _parts_of(found)
    # A refusal needs no finding here, because the server then shows no probe.
    send_once(sender, encoder.join([encoder.encode(span) for span in probes.spans]))
    for finding in check_found(server, probes, id_source):
        is_missing = finding.code == NEVER_SHOWN.code
        yield NOT_READ(server=server.shown_address, broker=target_of(found), health=server.health()) if is_missing else finding


def _parts_of(found: Effective) -> tuple[SpanEncoder, Sender]:
    """The encoder and the sender that the application would have."""
    encoder = encoder_named(found.given.get("encoding", "json"))
    return encoder, chosen_sender(found.given, encoder.path, encoder.media_type)


def target_of(found: Effective) -> str:
    """The place to which the spans go, without credentials."""
    return ", ".join(shown_target(one, "") for one in found.endpoints)
