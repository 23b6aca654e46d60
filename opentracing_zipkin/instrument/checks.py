"""The checks of what a program gives to an instrumentation: its application, and the parts of a policy.

Rules: a wrong argument raises TypeError where it is given, with the remedy; otherwise it would fail in each request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import opentracing

__all__ = ["check_application", "check_bool", "check_callable", "check_paths", "check_peers", "check_tracer"]


def check_application(app: Any, kind: type, remedy: str) -> Any:
    """The application, or the class of applications, that `install` traces."""
    if isinstance(app, kind) or (isinstance(app, type) and issubclass(app, kind)):
        return app
    raise TypeError(f"app is of type {type(app).__name__}; {remedy}")


def check_callable(name: str, hook: Any) -> Any:
    if hook is not None and not callable(hook):
        raise TypeError(f"{name} is of type {type(hook).__name__}; use a function")
    return hook


def check_paths(paths: Iterable[str]) -> tuple[str, ...]:
    if isinstance(paths, str):
        raise TypeError(f"excluded_paths is {paths!r}; use a list of paths, for instance [{paths!r}]")
    if not isinstance(paths, Iterable):
        raise TypeError(f"excluded_paths is of type {type(paths).__name__}; use a list of paths, for instance ['/health']")
    found = tuple(paths)
    wrong = next((path for path in found if not isinstance(path, str) or not path.startswith("/")), None)
    if wrong is not None:
        raise TypeError(f"excluded_paths has {wrong!r}; a path begins with a slash, for instance '/health' or '/internal/*'")
    return found


def check_peers(peers: Mapping[str, str]) -> dict[str, str]:
    """The names of services by address, with addresses in lower case."""
    remedy = "use a dict of addresses and names, for instance {'db.internal:5432': 'orders-db'}"
    if not isinstance(peers, Mapping):
        raise TypeError(f"peers is of type {type(peers).__name__}; {remedy}")
    for pair in peers.items():
        wrong = next((part for part in pair if not isinstance(part, str)), None)
        if wrong is not None:
            raise TypeError(f"peers has {wrong!r} of type {type(wrong).__name__}; {remedy}")
    return {address.lower(): name for address, name in peers.items()}


def check_bool(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} is of type {type(value).__name__}; use True or False")
    return value


def check_tracer(tracer: Any) -> Any:
    if tracer is not None and not isinstance(tracer, opentracing.Tracer):
        raise TypeError(
            f"tracer is of type {type(tracer).__name__}; use an opentracing.Tracer, or leave it out for the global one"
        )
    return tracer
