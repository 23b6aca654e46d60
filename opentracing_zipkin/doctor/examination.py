"""All checks, in the order in which a span passes the things that they check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import chain

from ..codec import encoder_named
from ..senders.collector_url import posted_url
from ..senders.endpoint import CONSOLE, HTTP, kind_of
from ..senders.url import shown
from . import configuration, instrumentation
from .asking import Connection
from .elsewhere import UNREAD, check_broker, check_console, check_read, target_of
from .instrumentation import Row, check_instrumentation
from .network import check_network
from .probe import check_sent, probes_of
from .query import Collected, check_found
from .report import FAULT, WARNING, Finding, Kind, Setting
from .service import check_service

__all__ = ["Examination"]

SKIPPED = Kind(
    "skipped",
    FAULT,
    "service",
    "{url} was not called, because no collector takes spans",
    "repair the first fault that is listed before this one, and run the doctor again",
)
NOT_CALLED = Kind(
    "not-called",
    WARNING,
    "service",
    "{url} was not called, because the endpoint does not name a Zipkin server, which the doctor could ask for the spans",
    "if spans go to a broker, name the server: opentracing-zipkin doctor --url {url} --zipkin http://zipkin:9411",
)


class Examination:
    """Examines the present environment.  `settings` and `libraries` are known at once; `findings` yields while it checks."""

    def __init__(self) -> None:
        self._found, self._said = configuration.read()
        self.settings: list[Setting] = configuration.all_settings(self._found)
        self.libraries: list[Row] = instrumentation.rows_of(self._found.libraries)

    def findings(self, service_url: str | None = None, server_url: str | None = None) -> Iterator[Finding]:
        """The findings of each check.  `service_url`: a service to call; `server_url`: a Zipkin server behind a broker."""
        found = self._found
        yield from configuration.check_configuration(found, self._said)
        yield from check_instrumentation(found, self.libraries)
        if kind_of(found.endpoints[0]) == HTTP:
            with closing(Connection(found)) as connection:
                yield from self._check_ways(connection, service_url)
        elif kind_of(found.endpoints[0]) == CONSOLE:
            yield from check_console(found)
            if service_url is not None:
                yield NOT_CALLED(url=shown(service_url))
        else:
            yield from self._check_broker(service_url, server_url)

    def _check_ways(self, connection: Connection, service_url: str | None) -> Iterator[Finding]:
        """The findings on the ways to the collectors, and on a service."""
        encoding = self._found.given.get("encoding", "json")
        taking: list[Collected] = []
        checks = (self._check_collector(Collected(one, connection), encoding, taking) for one in self._found.endpoints)
        # Whether a fault is only a warning is known when all collectors have been asked.
        yield from chain(*checks) if len(self._found.endpoints) == 1 else _eased(list(chain(*checks)), taking)
        if service_url is not None and taking:
            connection.know(service_url)
            yield from check_service(service_url, taking[0], encoding)
        elif service_url is not None:
            yield SKIPPED(url=shown(service_url))

    def _check_broker(self, service_url: str | None, server_url: str | None) -> Iterator[Finding]:
        """The findings on the broker, and on the Zipkin server that reads from it and gets no credentials of the broker."""
        found = self._found
        is_taken = yield from check_broker(found)
        if not is_taken:
            if service_url is not None:
                yield SKIPPED(url=shown(service_url))
        elif server_url is None:
            yield UNREAD(broker=target_of(found))
            if service_url is not None:
                yield NOT_CALLED(url=shown(service_url))
        else:
            with closing(Connection(found._replace(given={}, endpoints=[server_url]))) as connection:
                server = Collected(server_url, connection)
                bits = found.given.get("trace_id_bits", 128)
                id_source = found.variables["trace_id_bits"] if bits == 64 else ""
                yield from check_read(found, server, probes_of(bits), id_source)
                if service_url is not None:
                    connection.know(service_url)
                    yield from check_service(service_url, server, found.given.get("encoding", "json"))

    def _check_collector(self, collected: Collected, encoding: str, taking: list[Collected]) -> Iterator[Finding]:
        """The findings on one collector; a collector that takes spans is added to `taking`."""
        found, connection = self._found, collected.connection
        url = posted_url(collected.endpoint, encoder_named(encoding).path)
        if not (yield from check_network(url, connection, found.variables.get("proxy", ""))):
            return
        bits = found.given.get("trace_id_bits", 128)
        probes = probes_of(bits)
        if not (yield from check_sent(collected.endpoint, encoding, probes.spans, connection)):
            return
        taking.append(collected)
        yield from check_found(collected, probes, found.variables["trace_id_bits"] if bits == 64 else "")


def _eased(findings: list[Finding], taking: list[Collected]) -> list[Finding]:
    """Turn the fault of an unreachable collector into a warning where another takes the spans: the sender uses that one."""
    return [
        one._replace(status=WARNING) if taking and one.check in _REACHING and one.status == FAULT else one for one in findings
    ]


_REACHING = ("name", "connection", "proxy", "TLS")
