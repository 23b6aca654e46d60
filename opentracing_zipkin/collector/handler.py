"""The collector over HTTP: Zipkin's API, version 2, and a page.

Rules: a handler only translates between HTTP and the store.  Answers are those of a real server, where that costs little: 202
without a body, 400 with one line of text, 404 for whatever is not here, whatever the method.
Source: openzipkin/zipkin-api, zipkin2-api.yaml; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from ..codec import json_v1, json_v2, proto3, thrift_v1
from ..model import FinishedSpan
from . import query
from .body import BadBody, BodyTooLarge, read_body
from .dependencies import dependency_links
from .store import Store

__all__ = ["Handler"]

log = logging.getLogger("opentracing_zipkin")

_JSON = "application/json; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"

# What an idle connection or a stalled client may hold a thread for.
_TIMEOUT_S = 60.0

# The page shows what others sent: nothing but its own script runs in it, and it talks to nobody else.
_PAGE_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'"


class _Answer(NamedTuple):
    status: HTTPStatus
    body: bytes = b""
    media_type: str = _TEXT
    location: str = ""


class _NotFound(Exception):
    """What was asked for is not here."""


class _UnsupportedType(Exception):
    """A body in a format that is not read here."""


Parameters: TypeAlias = dict[str, str]


class Handler(BaseHTTPRequestHandler):
    """One connection, in its own thread; `store` is set by the subclass that a server makes for itself."""

    protocol_version = "HTTP/1.1"
    server_version = "opentracing-zipkin"
    sys_version = ""
    timeout = _TIMEOUT_S
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    store: Store

    def do_GET(self) -> None:
        self._answer_with(self._get)

    def do_POST(self) -> None:
        self._answer_with(self._post)

    def do_other(self) -> None:
        self.close_connection = True  # whatever body it had is not read
        self._send(_Answer(HTTPStatus.NOT_FOUND))

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_other  # noqa: N815  # the base class's names

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""

    def _answer_with(self, respond: Callable[[str, Parameters], _Answer]) -> None:
        try:
            url = urlsplit(self.path)
            answer = respond(unquote(url.path), dict(parse_qsl(url.query)))
        except BodyTooLarge as error:
            self.close_connection = True
            answer = _text(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
        except BadBody as error:
            self.close_connection = True
            answer = _text(HTTPStatus.BAD_REQUEST, error)
        except ValueError as error:
            answer = _text(HTTPStatus.BAD_REQUEST, error)
        except _NotFound as error:
            answer = _text(HTTPStatus.NOT_FOUND, error)
        except (_UnsupportedType, ImportError) as error:
            answer = _text(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error)
        self._send(answer)

    def _send(self, answer: _Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.body:
            self.send_header("Content-Type", answer.media_type)
            self.send_header("X-Content-Type-Options", "nosniff")
        if answer.location:
            self.send_header("Location", answer.location)
        if answer.media_type is _HTML:
            self.send_header("Content-Security-Policy", _PAGE_POLICY)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _post(self, path: str, parameters: Parameters) -> _Answer:
        body = read_body(self.headers, self.rfile)
        readers = _READERS.get(path)
        if readers is None:
            raise _NotFound(f"{path} takes no spans; POST to {' or '.join(_READERS)}")
        media_type = self.headers.get_content_type()
        if media_type not in readers and media_type in _BINARY_TYPES:
            raise _UnsupportedType(f"{media_type} is not supported on {path}; send {' or '.join(readers)}")
        self.store.add(readers.get(media_type, readers[_JSON_TYPE])(body))
        return _Answer(HTTPStatus.ACCEPTED)

    def _get(self, path: str, parameters: Parameters) -> _Answer:
        if path.startswith("/api/v2/trace/"):
            return self._trace(query.read_trace_id(path.removeprefix("/api/v2/trace/")))
        if path.startswith("/zipkin/traces/"):  # where a real server shows a trace
            return _Answer(HTTPStatus.FOUND, location="/#" + query.read_trace_id(path.removeprefix("/zipkin/traces/")))
        respond = _GET.get(path)
        if respond is None:
            raise _NotFound(f"{path} not found")
        return respond(self, parameters)

    def _trace(self, trace_id: str) -> _Answer:
        spans = self.store.trace(trace_id)
        if not spans:
            raise _NotFound(f"{trace_id} not found")
        return _Answer(HTTPStatus.OK, _spans_json(spans), _JSON)

    def _traces(self, parameters: Parameters) -> _Answer:
        return _traces_json(query.find(self.store.traces(), query.TraceQuery.of(parameters)))

    def _trace_many(self, parameters: Parameters) -> _Answer:
        ids = query.read_trace_ids(query.required(parameters, "traceIds"))
        return _traces_json([spans for spans in map(self.store.trace, ids) if spans])

    def _services(self, parameters: Parameters) -> _Answer:
        return _json(query.service_names(self.store.traces()))

    def _span_names(self, parameters: Parameters) -> _Answer:
        return _json(query.span_names(self.store.traces(), query.required(parameters, "serviceName")))

    def _remote_services(self, parameters: Parameters) -> _Answer:
        return _json(query.remote_service_names(self.store.traces(), query.required(parameters, "serviceName")))

    def _dependencies(self, parameters: Parameters) -> _Answer:
        query.required(parameters, "endTs")
        window = query.Window.of(parameters)
        return _json(dependency_links(trace for trace in self.store.traces() if window.holds(trace)))

    def _health(self, parameters: Parameters) -> _Answer:
        return _json({"status": "UP"})

    def _page(self, parameters: Parameters) -> _Answer:
        return _Answer(HTTPStatus.OK, _page_html(), _HTML)

    def _page_elsewhere(self, parameters: Parameters) -> _Answer:
        return _Answer(HTTPStatus.FOUND, location="/")


_JSON_TYPE = json_v2.media_type
_BINARY_TYPES = (proto3.media_type, thrift_v1.media_type)

# By path and media type.  Any other type is JSON, and so is none, as in a real server; but one binary type on the other's path
# is refused with the reason, where a real server finds malformed JSON.
_READERS: dict[str, dict[str, Callable[[bytes], list[FinishedSpan]]]] = {
    json_v2.path: {_JSON_TYPE: json_v2.decode, proto3.media_type: proto3.decode},
    json_v1.path: {_JSON_TYPE: json_v1.decode, thrift_v1.media_type: thrift_v1.decode},
}

_GET: dict[str, Callable[[Handler, Parameters], _Answer]] = {
    "/": Handler._page,
    "/zipkin/": Handler._page_elsewhere,
    "/health": Handler._health,
    "/api/v2/traces": Handler._traces,
    "/api/v2/traceMany": Handler._trace_many,
    "/api/v2/services": Handler._services,
    "/api/v2/spans": Handler._span_names,
    "/api/v2/remoteServices": Handler._remote_services,
    "/api/v2/dependencies": Handler._dependencies,
}


@lru_cache(maxsize=1)
def _page_html() -> bytes:
    return Path(__file__).with_name("page.html").read_bytes()


def _text(status: HTTPStatus, error: Exception) -> _Answer:
    """The reason, on one line."""
    return _Answer(status, " ".join(str(error).split()).encode(errors="replace"))


def _json(value: object) -> _Answer:
    return _Answer(HTTPStatus.OK, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"), _JSON)


def _spans_json(spans: Sequence[FinishedSpan]) -> bytes:
    return json_v2.join([json_v2.encode(span) for span in spans])


def _traces_json(traces: Sequence[Sequence[FinishedSpan]]) -> _Answer:
    return _Answer(HTTPStatus.OK, json_v2.join([_spans_json(spans) for spans in traces]), _JSON)
