"""The search for the probes in the collector's server, by Zipkin's query API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from ..clock import monotonic
from ..senders.collector_url import has_own_path, likely_path, server_url
from ..senders.url import shown
from .connection import Connection, NoAnswer, is_html, wait_until
from .probe import PROBE_COUNT, SERVICE, Probes
from .report import FAULT, OK, WARNING, Finding, Kind

__all__ = ["QueriedServer", "check_found"]

MAX_FOUND_WAIT_S = 5.0
MAX_SETTLE_WAIT_S = 2.0  # the time for the other probes after one has been found

FOUND = Kind("found", OK, "query", "all of {count} probes were found again at {server}, after {seconds} s")
NO_QUERIES = Kind(
    "no-queries",
    WARNING,
    "query",
    "it cannot be checked whether the server keeps the spans that it accepts: GET {url} gives no list of services ({reason})",
    "look for the service {service} in the server's own UI: it should have one there now; if this is not a Zipkin server, look "
    "at the host and the port in {setting}",
)
KEEPS_A_PART = Kind(
    "keeps-a-part",
    FAULT,
    "query",
    "the server accepts every message (HTTP 202), but shows only {found} of {count} traces, about {percent} %: it keeps only "
    "a part",
    "set COLLECTOR_SAMPLE_RATE=1.0 where the server runs; a trace that has to be kept needs the header `X-B3-Flags: 1`",
)
NEVER_SHOWN = Kind(
    "never-shown",
    FAULT,
    "query",
    "the server has taken the probes, and shows none of them within {seconds} s{health}",
    "look in the server's log for errors of its storage (full, away, slow to index), and at spans_dropped in its /metrics; "
    "make sure that the query at {server} and the collector use the same storage",
)
IDS_TOGETHER = Kind("ids-together", OK, "ids", "the server finds ids of 64 and of 128 bits with the same low half as one trace")
IDS_APART = Kind(
    "ids-apart",
    OK,
    "ids",
    "the server keeps ids of 64 and of 128 bits apart (STRICT_TRACE_ID); a service that shortens ids would make a separate "
    "trace",
)
IDS_SHORT = Kind(
    "ids-short",
    WARNING,
    "ids",
    "new traces have ids of 64 bits, by {source}, and the server keeps these apart from ids of 128 bits: if another service "
    "makes them longer, a trace is shown in two pieces",
    "remove {source}, because 128 is the default, or set STRICT_TRACE_ID=false where the server runs",
)
IDS_CUT = Kind(
    "ids-cut",
    WARNING,
    "ids",
    "the server does not find a trace by its id of 128 bits, but by its low half: it shortens ids to 64 bits",
    "set ZIPKIN_TRACE_ID_BITS=64, or use a newer server",
)


class QueriedServer(NamedTuple):
    """The server that is asked for the spans that a collector has taken; `endpoint`: the collector's.

    `setting`: the variable or the argument that `endpoint` comes from.
    """

    endpoint: str
    connection: Connection
    setting: str = "ZIPKIN_ENDPOINT"

    def url(self, path: str) -> str:
        """The URL of a path of the query API, with credentials; its prefix is guessed where the endpoint has its own path."""
        endpoint = self.endpoint
        if has_own_path(endpoint):
            endpoint = urlsplit(endpoint)._replace(path=likely_path(endpoint, "/api/v2/spans")).geturl()
        return server_url(endpoint, path)

    @property
    def shown_address(self) -> str:
        """The server's address for people, without credentials."""
        return shown(self.url("")).partition("?")[0]

    def query_problem(self) -> str:
        """The reason why the server cannot be queried; "" where it can."""
        try:
            reply = self.connection.get(self.url("/api/v2/services"))
        except NoAnswer as error:
            return str(error)
        if reply.status == 200 and isinstance(reply.json(), list):
            return ""
        return f"HTTP {reply.status}" + (" with a web page" if is_html(reply.headers) else "")

    def spans(self, trace_id: str) -> list[dict[str, object]]:
        """The spans of a trace that the server shows now."""
        try:
            found = self.connection.get(self.url(f"/api/v2/trace/{trace_id}")).json()
        except NoAnswer:
            return []
        return [span for span in found if isinstance(span, dict)] if isinstance(found, list) else []

    def shown_among(self, trace_ids: Iterable[str]) -> set[str]:
        """The trace ids among these whose traces the server shows now."""
        asked = sorted(trace_ids)
        if len(asked) > 1:  # a server refuses a query for fewer than two traces
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
        """The server's own text where its /health reports a problem; else ""."""
        try:
            reply = self.connection.get(self.url("/health"))
        except NoAnswer:
            return ""
        said = self.connection.without_credentials(reply.body[:400].decode(errors="replace"))
        return f"; it says of itself, by HTTP {reply.status}: {said}" if reply.status >= 500 else ""


def check_found(server: QueriedServer, probes: Probes, id_source: str) -> Iterator[Finding]:
    """Check whether the server shows the probes that it took.  `id_source`: the variable that asks for 64-bit ids, else ""."""
    reason = server.query_problem()
    if reason:
        yield NO_QUERIES(url=shown(server.url("/api/v2/services")), reason=reason, service=SERVICE, setting=server.setting)
        return
    begin = monotonic()
    missing, pair_found = _missing(server, probes)
    count, seconds = len(probes.spread), f"{monotonic() - begin:.1f}"
    found = count - len(missing)
    if not missing:
        yield FOUND(count=count, server=server.shown_address, seconds=seconds)
    elif found or pair_found:
        yield KEEPS_A_PART(found=found, count=count, percent=round(100 * found / count))
    else:
        yield NEVER_SHOWN(seconds=seconds, health=server.health(), server=server.shown_address)
        return
    yield from _check_ids(server, probes, id_source)


def _missing(server: QueriedServer, probes: Probes) -> tuple[set[str], bool]:
    """The traces that are not shown, and whether one of the pair is shown; the pair is debug, so no sampling leaves it out."""
    missing, pair_found = set(probes.spread), False

    def is_done() -> bool:
        nonlocal pair_found
        missing.difference_update(server.shown_among(missing))
        pair_found = pair_found or any(map(server.spans, (probes.long_id, probes.short_id)))
        return not missing

    if not wait_until(MAX_FOUND_WAIT_S, lambda: is_done() or pair_found or len(missing) < PROBE_COUNT):
        return missing, pair_found
    wait_until(MAX_SETTLE_WAIT_S, is_done)
    return missing, pair_found


def _check_ids(server: QueriedServer, probes: Probes, id_source: str) -> Iterator[Finding]:
    """Check whether the server treats a long and a short id with the same low half as one trace."""
    long_spans: list[dict[str, object]] = []
    short_spans: list[dict[str, object]] = []

    def is_done() -> bool:
        long_spans[:], short_spans[:] = server.spans(probes.long_id), server.spans(probes.short_id)
        return bool(long_spans and short_spans)

    if not wait_until(MAX_SETTLE_WAIT_S, is_done):
        if short_spans:
            yield IDS_CUT()
        return
    if {str(span.get("id")) for span in long_spans} & {str(span.get("id")) for span in short_spans}:
        yield IDS_TOGETHER()
    elif id_source:
        yield IDS_SHORT(source=id_source)
    else:
        yield IDS_APART()
