"""All findings that the doctor can make, in the order of its checks; docs/how-to/troubleshooting.md is made from them."""

from __future__ import annotations

from . import answers, broker_and_console, clock, configuration, examination, instrumentation, network, probe, query, service
from .report import Kind

__all__ = ["AREAS", "kinds"]

AREAS = (configuration, instrumentation, network, answers, probe, clock, query, broker_and_console, service, examination)


def kinds() -> list[Kind]:
    """Each kind of finding once, in the order in which they are declared."""
    found = {value.code: value for area in AREAS for value in vars(area).values() if isinstance(value, Kind)}
    return list(found.values())
