"""The root: what is known of a trace's first span in this process when it starts; and the base class of samplers that use it.

Rules: tags of both vocabularies are read, ours and OpenTelemetry's.  A value that is no text is compared in the form in which
Zipkin shows it.  No root is kept after the decision.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["UNKNOWN", "Root", "RootSampler"]

_METHODS = ("http.method", "http.request.method")
_PATHS = ("http.path", "url.path")
_TARGETS = ("http.target", "http.url", "url.full")
_KINDS = {"c": "client", "s": "server"}

_NO_SCHEME = re.compile(r"[^\w+.-]")

_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Root:
    """The first span of a trace in this process, before it starts.

    `tags` are those given at its start.  `headers` has the request's headers that the sampler asks for, by names in lower case.
    """

    __slots__ = ("_method", "_path", "headers", "operation_name", "service_name", "tags")

    def __init__(
        self,
        service_name: str = "",
        operation_name: str = "",
        tags: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.service_name = service_name
        self.operation_name = operation_name
        self.tags = tags or _EMPTY
        self.headers = headers or _EMPTY
        self._method: str | None = None  # method and path are read once, for all rules
        self._path: str | None = None

    @property
    def method(self) -> str:
        """The HTTP method in capitals, "" where this is no request."""
        method = self._method
        if method is None:
            self._method = method = self._first(_METHODS).upper()
        return method

    @property
    def path(self) -> str:
        """The request's path without its query, "" where this is no request."""
        path = self._path
        if path is None:
            self._path = path = self._first(_PATHS) or _path_of(self._first(_TARGETS))
        return path

    @property
    def route(self) -> str:
        """The template of the path where it is known at the start, else ""."""
        return self._first(("http.route",))

    @property
    def kind(self) -> str:
        """`server`, `client`, `producer`, `consumer`, or `local` for a span without a kind."""
        kind = self.tag("span.kind").strip().lower()
        return _KINDS.get(kind, kind) or "local"

    def tag(self, key: str) -> str:
        """A tag's value as text, "" where there is none."""
        value = self.tags.get(key)
        if type(value) is str:
            return value
        if type(value) is bool:
            return "true" if value else "false"
        return str(value) if type(value) in (int, float) else ""

    def _first(self, keys: tuple[str, ...]) -> str:
        for key in keys:
            value = self.tags.get(key)
            if type(value) is str and value:
                return value
        return ""


UNKNOWN = Root()  # for a decision before the trace's first span starts


def _path_of(target: str) -> str:
    """The path in a request's target or in a URL."""
    scheme, mark, address = target.partition("://")
    if mark and not _NO_SCHEME.search(scheme):
        place, slash, rest = address.partition("/")
        target = slash + rest if "?" not in place and "#" not in place else "/"
    return target.partition("?")[0].partition("#")[0]


class RootSampler:
    """The base class of samplers that look at the root; your own sampler overrides `decide`."""

    # The names of the request headers that `decide` needs, in any case; `Root.headers` has these headers, in lower case.
    headers: Collection[str] = ()

    def decide(self, trace_id: int, root: Root, /) -> bool:
        """True records the trace; `trace_id` is the low 64 bits."""
        raise NotImplementedError

    def close(self) -> None:
        """Called when the tracer is closed; it may still ask for a last decision."""

    def __call__(self, trace_id: int, /) -> bool:
        return self.decide(trace_id, UNKNOWN)
