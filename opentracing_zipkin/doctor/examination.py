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
from .broker_and_console import UNREAD, check_broker, check_console, check_read, target_of
from .connection import Connection
from .instrumentation import Row, check_instrumentation
from .network import check_network
from .probe import check_sent, probes_of
from .query import QueriedServer, check_found
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
                yield from self._check_collectors(connection, service_url)
        elif kind_of(found.endpoints[0]) == CONSOLE:
            yield from check_console(found)
            if service_url is not None:
                yield NOT_CALLED(url=shown(service_url))
        else:
            yield from self._check_broker(service_url, server_url)

    def _check_collectors(self, connection: Connection, service_url: str | None) -> Iterator[Finding]:
        """The findings on the ways to the collectors, and on a service."""
        encoding = self._found.given.get("encoding", "json")
        taking: list[QueriedServer] = []
        checks = (self._check_collector(QueriedServer(one, connection), encoding, taking) for one in self._found.endpoints)
        # Whether a fault is only a warning is known when all collectors have been asked.
        if len(self._found.endpoints) == 1:
            yield from chain(*checks)
        else:
            yield from _with_unreachable_as_warnings(list(chain(*checks)), taking)
        if service_url is not None and taking:
            connection.hide_credentials_of(service_url)
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
                server = QueriedServer(server_url, connection, "--zipkin")
                bits = found.given.get("trace_id_bits", 128)
                id_source = found.variables["trace_id_bits"] if bits == 64 else ""
                yield from check_read(found, server, probes_of(bits), id_source)
                if service_url is not None:
                    connection.hide_credentials_of(service_url)
                    yield from check_service(service_url, server, found.given.get("encoding", "json"))

    def _check_collector(self, server: QueriedServer, encoding: str, taking: list[QueriedServer]) -> Iterator[Finding]:
        """The findings on one collector; a collector that takes spans is added to `taking`."""
        found, connection = self._found, server.connection
        url = posted_url(server.endpoint, encoder_named(encoding).path)
        if not (yield from check_network(url, connection, found.variables.get("proxy", ""))):
            return
        bits = found.given.get("trace_id_bits", 128)
        probes = probes_of(bits)
        if not (yield from check_sent(server.endpoint, encoding, probes.spans, connection)):
            return
        taking.append(server)
        yield from check_found(server, probes, found.variables["trace_id_bits"] if bits == 64 else "")


def _with_unreachable_as_warnings(findings: list[Finding], taking: list[QueriedServer]) -> list[Finding]:
    """Turn the fault of an unreachable collector into a warning where another takes the spans: the sender uses that one."""
    if not taking:
        return findings
    return [one._replace(status=WARNING) if one.check in _ON_THE_WAY and one.status == FAULT else one for one in findings]


_ON_THE_WAY = ("name", "connection", "proxy", "TLS")  # the checks that fail where a collector is not reached
