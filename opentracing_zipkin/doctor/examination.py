"""All checks, in the order in which a span meets what they are about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import chain

from ..codec import encoder_named
from ..senders.collector_url import posted_url
from ..senders.url import shown
from . import configuration, instrumentation
from .asking import Connection
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
    "mend what was found above, and begin with its first fault",
)


class Examination:
    """Examines the environment as it is now.  `settings` and `libraries` are known at once, `findings` come one by one."""

    def __init__(self) -> None:
        self._found, self._said = configuration.read()
        self.settings: list[Setting] = configuration.all_settings(self._found)
        self.libraries: list[Row] = instrumentation.rows_of(self._found.libraries)

    def findings(self, service_url: str | None = None) -> Iterator[Finding]:
        """The findings of each check.  `service_url`: a service to call."""
        found = self._found
        yield from configuration.check_configuration(found, self._said)
        yield from check_instrumentation(found, self.libraries)
        with closing(Connection(found)) as connection:
            yield from self._check_ways(connection, service_url)

    def _check_ways(self, connection: Connection, service_url: str | None) -> Iterator[Finding]:
        """Those to the collectors, and to a service."""
        encoding = self._found.given.get("encoding", "json")
        taking: list[Collected] = []
        checks = (self._check_collector(Collected(one, connection), encoding, taking) for one in self._found.endpoints)
        # The weight of a fault is known only when all collectors were asked.
        yield from chain(*checks) if len(self._found.endpoints) == 1 else _eased(list(chain(*checks)), taking)
        if service_url is not None and taking:
            connection.know(service_url)
            yield from check_service(service_url, taking[0], encoding)
        elif service_url is not None:
            yield SKIPPED(url=shown(service_url))

    def _check_collector(self, collected: Collected, encoding: str, taking: list[Collected]) -> Iterator[Finding]:
        """One that takes spans is added to `taking`."""
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
    """Where a collector cannot be reached and another takes the spans, the sender goes to that one: a warning is enough."""
    return [
        one._replace(status=WARNING) if taking and one.check in _REACHING and one.status == FAULT else one for one in findings
    ]


_REACHING = ("name", "connection", "proxy", "TLS")
