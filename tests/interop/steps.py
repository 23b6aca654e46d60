"""A trace as its user reads it: each span is a step with the name of its parent and of the other end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Step", "steps_of"]


class Step(NamedTuple):
    """One span; `parent` is the name of its parent and `remote` that of the other end, "" if there is none."""

    service: str
    kind: str
    name: str
    parent: str
    remote: str
    statement: str = ""


def steps_of(trace: Sequence[dict[str, Any]]) -> list[Step]:
    """The steps of a trace in JSON of version 2, in order."""
    names = {span["id"]: span["name"] for span in trace}
    return sorted(
        Step(
            span["localEndpoint"]["serviceName"],
            span.get("kind", ""),
            span["name"],
            names.get(span.get("parentId", ""), ""),
            span.get("remoteEndpoint", {}).get("serviceName", ""),
            span.get("tags", {}).get("db.statement", ""),
        )
        for span in trace
    )
