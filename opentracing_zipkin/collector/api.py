"""Zipkin's API, version 2, and a page: a request's parts in, an answer out.

Rules: this file knows routes and the store, never sockets or headers.  A wrong request is answered, nothing is raised.
Answers are those of a real server, where that costs little: 202 without a body, 400 with one line of text, 404 for whatever is
not here, whatever the method.
Source: openzipkin/zipkin-api, zipkin2-api.yaml; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files
from typing import NamedTuple, TypeAlias

from ..codec import json_v1, json_v2, proto3, thrift_v1
from ..model import FinishedSpan
from ..text import printable
from . import query
from .dependencies import dependency_links
from .store import Store

__all__ = ["Answer", "Api", "page_file", "page_files", "refusal"]

MAX_REASON_CHARS = 1000

_JSON = "application/json; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"

Parameters: TypeAlias = Mapping[str, str]


class Answer(NamedTuple):
    """`media_type` counts where there is a body; `location` is "" unless the answer leads elsewhere."""

    status: HTTPStatus
    body: bytes = b""
    media_type: str = _TEXT
    location: str = ""


def refusal(status: HTTPStatus, reason: object) -> Answer:
    """The reason, on one line; it may repeat the request, and is read in a terminal."""
    return Answer(status, printable(" ".join(str(reason).split()), MAX_REASON_CHARS).encode())


class Api:
    """Answers from a store, which it shares with others; may be called from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, method: str, path: str, parameters: Parameters, media_type: str = "", body: bytes = b"") -> Answer:
        """`path` without the parameters; `media_type` without its own, "" where the request names none."""
        try:
            if method == "GET":
                return self._get(path, parameters)
            if method == "POST":
                return self._post(path, media_type, body)
        except ValueError as error:
            return refusal(HTTPStatus.BAD_REQUEST, error)
        except ImportError as error:  # of the library that reads this format
            return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error)
        return Answer(HTTPStatus.NOT_FOUND)

    def _post(self, path: str, media_type: str, body: bytes) -> Answer:
        readers = _READERS.get(path)
        if readers is None:
            return refusal(HTTPStatus.NOT_FOUND, f"{path} takes no spans; POST to {' or '.join(_READERS)}")
        if media_type not in readers and media_type in _BINARY_TYPES:
            reason = f"{media_type} is not supported on {path}; send {' or '.join(readers)}"
            return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)
        self._store.add(readers.get(media_type, readers[_JSON_TYPE])(body))
        return Answer(HTTPStatus.ACCEPTED)

    def _get(self, path: str, parameters: Parameters) -> Answer:
        if path.startswith("/api/v2/trace/"):
            return self._trace(query.read_trace_id(path.removeprefix("/api/v2/trace/")))
        if path.startswith("/zipkin/traces/"):  # where a real server shows a trace
            return Answer(HTTPStatus.FOUND, location="/#" + query.read_trace_id(path.removeprefix("/zipkin/traces/")))
        respond = _GET.get(path)
        if respond is None and path[1:] in page_files():
            return page_file(path[1:])
        if respond is None:
            return refusal(HTTPStatus.NOT_FOUND, f"{path} not found")
        return respond(self, parameters)

    def _trace(self, trace_id: str) -> Answer:
        spans = self._store.trace(trace_id)
        if not spans:
            return refusal(HTTPStatus.NOT_FOUND, f"{trace_id} not found")
        return Answer(HTTPStatus.OK, _spans_json(spans), _JSON)

    def _traces(self, parameters: Parameters) -> Answer:
        return _traces_json(query.find(self._store.traces(), query.TraceQuery.of(parameters)))

    def _trace_many(self, parameters: Parameters) -> Answer:
        ids = query.read_trace_ids(query.required(parameters, "traceIds"))
        return _traces_json([spans for spans in map(self._store.trace, ids) if spans])

    def _services(self, parameters: Parameters) -> Answer:
        return _json(query.service_names(self._store.traces()))

    def _span_names(self, parameters: Parameters) -> Answer:
        return _json(query.span_names(self._store.traces(), query.required(parameters, "serviceName")))

    def _remote_services(self, parameters: Parameters) -> Answer:
        return _json(query.remote_service_names(self._store.traces(), query.required(parameters, "serviceName")))

    def _dependencies(self, parameters: Parameters) -> Answer:
        query.required(parameters, "endTs")
        window = query.Window.of(parameters)
        return _json(dependency_links(trace for trace in self._store.traces() if window.holds(trace)))

    def _health(self, parameters: Parameters) -> Answer:
        return _json({"status": "UP"})

    def _page(self, parameters: Parameters) -> Answer:
        return page_file("index.html")

    def _page_elsewhere(self, parameters: Parameters) -> Answer:
        return Answer(HTTPStatus.FOUND, location="/")


_JSON_TYPE = json_v2.media_type
_BINARY_TYPES = (proto3.media_type, thrift_v1.media_type)

# By path and media type.  Any other type is JSON, and so is none, as in a real server; but one binary type on the other's path
# is refused with the reason, where a real server finds malformed JSON.
_READERS: dict[str, dict[str, Callable[[bytes], list[FinishedSpan]]]] = {
    json_v2.path: {_JSON_TYPE: json_v2.decode, proto3.media_type: proto3.decode},
    json_v1.path: {_JSON_TYPE: json_v1.decode, thrift_v1.media_type: thrift_v1.decode},
}

_GET: dict[str, Callable[[Api, Parameters], Answer]] = {
    "/": Api._page,
    "/zipkin/": Api._page_elsewhere,
    "/health": Api._health,
    "/api/v2/traces": Api._traces,
    "/api/v2/traceMany": Api._trace_many,
    "/api/v2/services": Api._services,
    "/api/v2/spans": Api._span_names,
    "/api/v2/remoteServices": Api._remote_services,
    "/api/v2/dependencies": Api._dependencies,
}


# Of the page's files, by the end of the name.
_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": _TEXT,
}


@lru_cache(maxsize=1)
def page_files() -> frozenset[str]:
    """The names of the page's files."""
    return frozenset(each.name for each in files(__package__).joinpath("page").iterdir() if each.is_file())


@lru_cache(maxsize=64)
def page_file(name: str) -> Answer:
    """One of `page_files`."""
    body = files(__package__).joinpath("page").joinpath(name).read_bytes()
    return Answer(HTTPStatus.OK, body, _MEDIA_TYPES[name.rpartition(".")[2]])


def _json(value: object) -> Answer:
    return Answer(HTTPStatus.OK, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"), _JSON)


def _spans_json(spans: Sequence[FinishedSpan]) -> bytes:
    return json_v2.join([json_v2.encode(span) for span in spans])


def _traces_json(traces: Sequence[Sequence[FinishedSpan]]) -> Answer:
    return Answer(HTTPStatus.OK, json_v2.join([_spans_json(spans) for spans in traces]), _JSON)
