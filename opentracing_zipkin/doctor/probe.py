"""A probe in the application's own way: its sender, its encoding; and whether the server shows what it took.

A server that keeps a part decides by the low half of a trace id (COLLECTOR_SAMPLE_RATE).  So the probes' ids are spread evenly
over all there are, and the share that is found is the server's; a span marked as debug is kept in any case.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from datetime import timezone
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import NamedTuple
from urllib.parse import urlsplit

from ..clock import monotonic
from ..codec import encoder_named
from ..model import Endpoint, FinishedSpan
from ..senders import SendError
from ..senders.collector_url import has_own_path, likely_path, server_url
from ..senders.http import HttpSender
from ..senders.url import shown
from .answers import HTML, TOO_SLOW, explained, is_html
from .asking import Connection, NoAnswer, until
from .network import refused_certificate, speaks_tls
from .report import FAULT, OK, WARNING, Finding, Kind

__all__ = ["SERVICE", "Collected", "check_found", "check_sent", "clock_finding", "probes_of", "random_id"]

SERVICE = "opentracing-zipkin-doctor"
PROBES = 20
FOUND_WITHIN_S = 5.0
SETTLED_WITHIN_S = 2.0  # once one was found, for the others
SLOW_S = 2.0
CLOCK_FAULT_S = 60.0

ACCEPTED = Kind("accepted", OK, "answer", "{url} has taken {count} spans in {encoding}, in {milliseconds} ms (HTTP {status})")
SLOW = Kind(
    "slow",
    WARNING,
    "answer",
    "{url} has taken {count} spans, and needed {seconds} s for it; spans wait meanwhile, and are dropped once 50,000 wait",
    "look at the server's load and storage, and at the network between",
)
CLOCK_AGREES = Kind(
    "clock-agrees", OK, "clock", "this machine's clock and the server's agree, as far as its Date header tells: to a second"
)
CLOCK_UNKNOWN = Kind("clock-unknown", OK, "clock", "the server does not tell the time, so the clocks were not compared")
CLOCK_NEAR = Kind(
    "clock-near",
    WARNING,
    "clock",
    "this machine's clock is {seconds} s {direction} the server's (the Date header tells it to a second): spans of several "
    "machines are drawn out of their order",
    "let both machines keep their time by NTP",
)
CLOCK_OFF = Kind(
    "clock-off",
    FAULT,
    "clock",
    "this machine's clock is {seconds} s {direction} the server's: Zipkin searches from now backwards, and finds no span of "
    "the future, or of longer ago than was asked for",
    "let both machines keep their time by NTP; until then a trace is found by its id",
)
FOUND = Kind("found", OK, "query", "all of {count} probes were found again at {server}, after {seconds} s")
NO_QUERIES = Kind(
    "no-queries",
    WARNING,
    "query",
    "whether the server keeps what it takes cannot be seen: GET {url} gives no list of services ({reason})",
    "look for the service {service} in the server's own UI: it should have one there now",
)
KEEPS_A_PART = Kind(
    "keeps-a-part",
    FAULT,
    "query",
    "the server answers HTTP 202 to all, and shows {found} of {count} traces, about {percent} %: it keeps only a part",
    "set COLLECTOR_SAMPLE_RATE=1.0 where the server runs; a trace that has to be kept needs the header `X-B3-Flags: 1`",
)
NEVER_SHOWN = Kind(
    "never-shown",
    FAULT,
    "query",
    "the server has taken the probes, and shows none of them within {seconds} s{health}",
    "look into the server's log for its storage (full, away, slow to index), and at spans_dropped in its /metrics; see that "
    "the query at {server} and the collector share one storage",
)
IDS_TOGETHER = Kind("ids-together", OK, "ids", "the server finds ids of 64 and of 128 bits with the same low half as one trace")
IDS_APART = Kind(
    "ids-apart",
    OK,
    "ids",
    "the server keeps ids of 64 and of 128 bits apart (STRICT_TRACE_ID); a service that cuts ids would make a trace of its own",
)
IDS_SHORT = Kind(
    "ids-short",
    WARNING,
    "ids",
    "new traces have ids of 64 bits, by {source}, and the server keeps those apart from ids of 128 bits: where another service "
    "makes them longer, a trace is shown in two pieces",
    "remove {source}, because 128 is the default, or set STRICT_TRACE_ID=false where the server runs",
)
IDS_CUT = Kind(
    "ids-cut",
    WARNING,
    "ids",
    "the server does not find a trace by its id of 128 bits, but by its low half: it cuts ids",
    "set ZIPKIN_TRACE_ID_BITS=64, or use a newer server",
)

_random = SystemRandom()


def random_id() -> str:
    """An id of 64 bits."""
    return f"{_random.randrange(1, 1 << 64):016x}"


class Probes(NamedTuple):
    """What is sent: `spread` are trace ids, one span each; of the pair the ids have the same low half."""

    spans: list[FinishedSpan]
    spread: list[str]
    long_id: str
    short_id: str


class Collected(NamedTuple):
    """Where a collector's spans are asked for."""

    endpoint: str
    connection: Connection

    def url(self, path: str) -> str:
        """With its credentials; of an endpoint with a path of its own, by the likely prefix."""
        endpoint = self.endpoint
        if has_own_path(endpoint):
            endpoint = urlsplit(endpoint)._replace(path=likely_path(endpoint, "/api/v2/spans")).geturl()
        return server_url(endpoint, path)

    @property
    def server(self) -> str:
        """For people."""
        return shown(self.url("")).partition("?")[0]

    def why_not(self) -> str:
        """Why the server cannot be queried; "" where it can."""
        try:
            reply = self.connection.get(self.url("/api/v2/services"))
        except NoAnswer as error:
            return str(error)
        if reply.status == 200 and isinstance(reply.json(), list):
            return ""
        return f"HTTP {reply.status}" + (" with a page for people" if reply.is_html else "")

    def spans(self, trace_id: str) -> list[dict[str, object]]:
        """Of a trace, as far as the server shows them now."""
        try:
            found = self.connection.get(self.url(f"/api/v2/trace/{trace_id}")).json()
        except NoAnswer:
            return []
        return [span for span in found if isinstance(span, dict)] if isinstance(found, list) else []

    def which(self, trace_ids: Iterable[str]) -> set[str]:
        """Those of these traces that the server shows now."""
        asked = sorted(trace_ids)
        if len(asked) > 1:  # fewer are refused
            try:
                reply = self.connection.get(self.url(f"/api/v2/traceMany?traceIds={','.join(asked)}"))
            except NoAnswer:
                return set()
            traces = reply.json() if reply.status == 200 else None
            if isinstance(traces, list):
                spans = [span for trace in traces if isinstance(trace, list) for span in trace if isinstance(span, dict)]
                return {str(span.get("traceId")) for span in spans} & set(asked)
        return {one for one in asked if self.spans(one)}

    def health(self) -> str:
        """What a server says of itself where it is not well."""
        try:
            reply = self.connection.get(self.url("/health"))
        except NoAnswer:
            return ""
        said = self.connection.safe(reply.body[:400].decode(errors="replace"))
        return f"; it says of itself, by HTTP {reply.status}: {said}" if reply.status >= 500 else ""


# Sending


def probes_of(bits: int) -> Probes:
    """The spans of now, with ids of so many bits, and the pair."""
    high = random_id()
    prefix = high if bits == 128 else ""
    spread = [f"{prefix}{int((number + _random.random()) / PROBES * (1 << 63)) or 1:016x}" for number in range(PROBES)]
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
    """Send spans as the application would; True where they were taken."""
    encoder = encoder_named(encoding)
    sender = HttpSender(endpoint, encoder.path, encoder.media_type, **connection.options)
    body = encoder.join([encoder.encode(span) for span in spans])
    begin, sent_at = monotonic(), time.time()
    error = None
    try:
        sender.send(body)
    except SendError as refusal:
        error = refusal
    finally:
        sender.close()
    seconds, url, answer = monotonic() - begin, shown(sender.urls[0]), sender.answered
    if answer is not None:
        yield clock_finding(answer.headers.get("Date", ""), sent_at, sent_at + seconds)
    if error is not None:
        yield _failure(error, sender, endpoint, encoding, len(body), seconds, connection)
        return False
    status = 0 if answer is None else answer.status
    if answer is not None and is_html(answer.headers):
        yield HTML(url=url, status=status)
        return False
    if seconds > SLOW_S:
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
        finding = refused_certificate(url, connection) if url.startswith("https:") else None
        if finding is not None:
            return finding
    if (sender.answered is None or sender.answered.status == 400) and not connection.proxy_of(url):
        finding = speaks_tls(url) if url.startswith("http:") else None
        if finding is not None:
            return finding
    return explained(error, sender, endpoint, encoding, size, connection)


def clock_finding(date: str, sent_at: float, received_at: float) -> Finding:
    """Of our clock, by the Date header of an answer; each bound of the offset has the second that it leaves open."""
    try:
        server = parsedate_to_datetime(date).replace(tzinfo=timezone.utc).timestamp()  # RFC 9110: always GMT
    except (TypeError, ValueError, OverflowError):
        return CLOCK_UNKNOWN()
    least, most = sent_at - server - 1, received_at - server
    if least <= 1 and most >= -1:
        return CLOCK_AGREES()
    seconds = least if least > 1 else -most
    direction = "ahead of" if least > 1 else "behind"
    return (CLOCK_OFF if seconds >= CLOCK_FAULT_S else CLOCK_NEAR)(seconds=round(seconds), direction=direction)


# Finding


def check_found(collected: Collected, probes: Probes, id_source: str) -> Iterator[Finding]:
    """Whether the server shows what it took.  `id_source`: the variable that asks for ids of 64 bits, else ""."""
    reason = collected.why_not()
    if reason:
        yield NO_QUERIES(url=shown(collected.url("/api/v2/services")), reason=reason, service=SERVICE)
        return
    begin = monotonic()
    missing, pair_found = _missing(collected, probes)
    count, seconds = len(probes.spread), f"{monotonic() - begin:.1f}"
    found = count - len(missing)
    if not missing:
        yield FOUND(count=count, server=collected.server, seconds=seconds)
    elif found or pair_found:
        yield KEEPS_A_PART(found=found, count=count, percent=round(100 * found / count))
    else:
        yield NEVER_SHOWN(seconds=seconds, health=collected.health(), server=collected.server)
        return
    yield from _check_ids(collected, probes, id_source)


def _missing(collected: Collected, probes: Probes) -> tuple[set[str], bool]:
    """The traces that are not shown, and whether one of the pair is, which no sampling leaves out."""
    missing, pair_found = set(probes.spread), False

    def is_done() -> bool:
        nonlocal pair_found
        missing.difference_update(collected.which(missing))
        pair_found = pair_found or any(map(collected.spans, (probes.long_id, probes.short_id)))
        return not missing

    if not until(FOUND_WITHIN_S, lambda: is_done() or pair_found or len(missing) < PROBES):
        return missing, pair_found
    until(SETTLED_WITHIN_S, is_done)
    return missing, pair_found


def _check_ids(collected: Collected, probes: Probes, id_source: str) -> Iterator[Finding]:
    """Whether ids of both lengths are one trace to the server."""
    long_spans: list[dict[str, object]] = []
    short_spans: list[dict[str, object]] = []

    def is_done() -> bool:
        long_spans[:], short_spans[:] = collected.spans(probes.long_id), collected.spans(probes.short_id)
        return bool(long_spans and short_spans)

    if not until(SETTLED_WITHIN_S, is_done):
        if short_spans:
            yield IDS_CUT()
        return
    if {str(span.get("id")) for span in long_spans} & {str(span.get("id")) for span in short_spans}:
        yield IDS_TOGETHER()
    elif id_source:
        yield IDS_SHORT(source=id_source)
    else:
        yield IDS_APART()
