"""All checks, in the order in which a span meets what they are about."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

from ..codec import encoder_named
from ..senders.collector_url import posted_url
from ..senders.url import shown
from . import configuration, instrumentation
from .asking import Connection
from .instrumentation import Row, check_instrumentation
from .network import check_network
from .probe import check_sent, probes_of
from .query import Collected, check_found
from .report import FAULT, Finding, Kind, Setting
from .service import check_service

__all__ = ["Examination"]

SKIPPED = Kind(
    "skipped",
    FAULT,
    "service",
    "{url} was not called, because no collector takes spans",
    "mend what was found above, and begin with its first fault",
)


class Examination:
    """Of the environment as it is now.  `settings` and `libraries` are known at once, `findings` come one by one."""

    def __init__(self) -> None:
        self._found, self._said = configuration.read()
        self.settings: list[Setting] = configuration.all_settings(self._found)
        self.libraries: list[Row] = instrumentation.rows_of(self._found.libraries)

    def findings(self, service_url: str | None = None) -> Iterator[Finding]:
        """What each check finds.  `service_url`: a service to call."""
        found = self._found
        yield from configuration.check_configuration(found, self._said)
        yield from check_instrumentation(found, self.libraries)
        with closing(Connection(found)) as connection:
            yield from self._check_ways(connection, service_url)

    def _check_ways(self, connection: Connection, service_url: str | None) -> Iterator[Finding]:
        """Those to the collectors, and to a service."""
        found = self._found
        encoding = found.given.get("encoding", "json")
        taking = []
        for endpoint in found.endpoints:
            collected = Collected(endpoint, connection)
            if (yield from self._check_collector(collected, encoding)):
                taking.append(collected)
        if service_url is not None and taking:
            connection.know(service_url)
            yield from check_service(service_url, taking[0], encoding)
        elif service_url is not None:
            yield SKIPPED(url=shown(service_url))

    def _check_collector(self, collected: Collected, encoding: str) -> Generator[Finding, None, bool]:
        """True where the collector takes spans."""
        found, connection = self._found, collected.connection
        url = posted_url(collected.endpoint, encoder_named(encoding).path)
        if not (yield from check_network(url, connection, found.variables.get("proxy", ""))):
            return False
        bits = found.given.get("trace_id_bits", 128)
        probes = probes_of(bits)
        if not (yield from check_sent(collected.endpoint, encoding, probes.spans, connection)):
            return False
        yield from check_found(collected, probes, found.variables["trace_id_bits"] if bits == 64 else "")
        return True
