"""Zipkin's API, version 2, and a page: turns the parts of a request into an answer.

Rules: this file knows routes and the store, never sockets or headers.  A wrong request gets an answer; nothing is raised.
Answers are those of a real server, where that costs little: 202 without a body, 400 with one line of text, 404 for an unknown
path, whatever the method.  docs/reference/collector.md lists the differences.
Source: openzipkin/zipkin-api, zipkin2-api.yaml; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from threading import Lock
from typing import TypeAlias

from ..log import log
from ..model import FinishedSpan
from . import query
from .answers import JSON, Answer, json_answer, redirect, refusal
from .body import TooLarge
from .message import READERS, UnsupportedFormat, decode
from .metrics import Metrics
from .page_files import page_file
from .stores import Encoded, Store, StoreUnavailable

__all__ = ["MAX_ANSWER_BYTES", "Api", "OnSpans", "OtherPage", "no_page"]

MAX_ANSWER_BYTES = 32 * 1024 * 1024

Parameters: TypeAlias = Mapping[str, str]
OnSpans: TypeAlias = Callable[[Sequence[FinishedSpan]], None]
OtherPage: TypeAlias = Callable[[str], Answer | None]

# The path of a trace on a real server's page, and on our page.
TRACE_PAGES = "/zipkin/traces/"
OUR_TRACE_PAGE = "/#"

# The settings that a real server gives to its page.
PAGE_SETTINGS = {
    "environment": "",
    "queryLimit": 10,
    "defaultLookback": 900_000,
    "searchEnabled": True,
    "logsUrl": None,
    "supportUrl": None,
    "archivePostUrl": None,
    "archiveUrl": None,
    "dependency": {"enabled": True, "lowErrorRate": 0.5, "highErrorRate": 0.75},
}


def no_page(path: str) -> None:
    """The `other_page` of a collector that has no page but ours; it answers None for every path."""


class Api:
    """Answers from a store, which other code may use, too; may be called from any thread.

    `on_spans` is called with the spans of each message after they are kept, on the thread of the request.  `other_page` answers
    paths below `/zipkin/` in place of our page.
    """

    def __init__(
        self,
        store: Store,
        on_spans: OnSpans | None = None,
        autocomplete_keys: Sequence[str] = (),
        other_page: OtherPage = no_page,
    ) -> None:
        self._store = store
        self._on_spans = on_spans
        self._autocomplete_keys = sorted(autocomplete_keys)
        self._other_page = other_page
        self._metrics = Metrics()
        # Messages are decoded and kept one after the other, so memory for one message is enough, however many clients send.
        self._one_message = Lock()

    def answer(self, method: str, path: str, parameters: Parameters, media_type: str = "", body: bytes = b"") -> Answer:
        """The answer to a request; `path` has no parameters, and `media_type` none either ("" where the request names none)."""
        try:
            if method == "GET":
                return self._get(path, parameters)
            if method == "POST":
                return self._post(path, media_type, body)
        except UnsupportedFormat as error:
            return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error)
        except TooLarge as error:
            return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
        except ValueError as error:
            return refusal(HTTPStatus.BAD_REQUEST, error)
        except StoreUnavailable as error:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, error)
        return Answer(HTTPStatus.NOT_FOUND)

    # Spans come in

    def _post(self, path: str, media_type: str, body: bytes) -> Answer:
        if path not in READERS:
            return refusal(HTTPStatus.NOT_FOUND, f"{path} takes no spans; POST to {' or '.join(READERS)}")
        self._metrics.received(len(body))
        with self._one_message:
            spans = self._decoded(path, media_type, body)
            self._store_spans(spans)
        self._call_on_spans(spans)
        return Answer(HTTPStatus.ACCEPTED)

    def _decoded(self, path: str, media_type: str, body: bytes) -> list[FinishedSpan]:
        try:
            spans = decode(path, media_type, body)
        except ValueError:
            self._metrics.refused()
            raise
        self._metrics.accepted(len(spans))
        return spans

    def _store_spans(self, spans: list[FinishedSpan]) -> None:
        try:
            self._store.add(spans)
        except StoreUnavailable:
            self._metrics.refused(len(spans))
            raise

    def _call_on_spans(self, spans: list[FinishedSpan]) -> None:
        if self._on_spans is None or not spans:
            return
        try:
            self._on_spans(spans)
        except Exception:  # application code may raise anything; the spans are kept already
            log.warning("zipkin: the collector's on_spans failed; the spans are kept", exc_info=True)

    # Queries

    def _get(self, path: str, parameters: Parameters) -> Answer:
        if path.startswith("/zipkin/api/"):  # the API of a real server's page
            path = path.removeprefix("/zipkin")
        respond = _GET.get(path)
        if respond is not None:
            return respond(self, parameters)
        found = self._other_page(path)
        if found is not None:
            return found
        for prefix, respond_to in _GET_BELOW.items():
            rest = path.removeprefix(prefix)
            if rest and rest != path and "/" not in rest:
                return respond_to(self, rest)
        if path in _ZIPKIN_PAGES:
            return redirect("/")
        return page_file(path[1:]) or refusal(HTTPStatus.NOT_FOUND, f"{path} not found")

    def _trace(self, text: str) -> Answer:
        trace_id = query.read_trace_id(text)
        spans = self._store.trace_json(trace_id)
        if not spans:
            return refusal(HTTPStatus.NOT_FOUND, f"{trace_id} not found")
        return Answer(HTTPStatus.OK, b"".join(_list_of([[span] for span in _check_size(spans)])), JSON)

    def _traces(self, parameters: Parameters) -> Answer:
        return _traces_answer(self._store.find(query.TraceQuery.of(parameters)))

    def _trace_many(self, parameters: Parameters) -> Answer:
        ids = query.read_trace_ids(query.required(parameters, "traceIds"))
        return _traces_answer([spans for spans in map(self._store.trace_json, ids) if spans])

    def _services(self, parameters: Parameters) -> Answer:
        return json_answer(self._store.service_names())

    def _span_names(self, parameters: Parameters) -> Answer:
        name = query.required(parameters, "serviceName")
        return json_answer(self._store.span_names(name) if name else [])

    def _remote_services(self, parameters: Parameters) -> Answer:
        name = query.required(parameters, "serviceName")
        return json_answer(self._store.remote_service_names(name) if name else [])

    def _autocomplete_names(self, parameters: Parameters) -> Answer:
        return json_answer(self._autocomplete_keys)

    def _autocomplete_values(self, parameters: Parameters) -> Answer:
        key = query.required(parameters, "key")
        query.check_not_empty(parameters, "key")
        return json_answer(self._store.tag_values(key))

    def _dependencies(self, parameters: Parameters) -> Answer:
        query.required(parameters, "endTs")
        query.check_not_empty(parameters, "endTs")
        return json_answer(self._store.links(query.Window.of(parameters)))

    # About the collector

    def _health(self, parameters: Parameters) -> Answer:
        storage = {type(self._store).__name__: {"status": "UP"}}
        return json_answer({"status": "UP", "zipkin": {"status": "UP", "details": storage}})

    def _info(self, parameters: Parameters) -> Answer:
        return json_answer({"zipkin": {"version": _version(), "commit": "opentracing-zipkin"}})

    def _metrics_json(self, parameters: Parameters) -> Answer:
        kept = {f"gauge.zipkin_storage.{name}": float(value) for name, value in self._store.counts()._asdict().items()}
        return json_answer(self._metrics.as_json() | kept)

    def _metrics_text(self, parameters: Parameters) -> Answer:
        return Answer(HTTPStatus.OK, self._metrics.as_text().encode(), "text/plain; version=0.0.4; charset=utf-8")

    def _page_settings(self, parameters: Parameters) -> Answer:
        return json_answer(PAGE_SETTINGS)

    # The page

    def _page(self, parameters: Parameters) -> Answer:
        return page_file("index.html") or Answer(HTTPStatus.NOT_FOUND)

    def _zipkin_page(self, parameters: Parameters) -> Answer:
        return redirect("/zipkin/")

    def _page_of_trace(self, text: str) -> Answer:
        return redirect(OUR_TRACE_PAGE + query.read_trace_id(text))


_GET: dict[str, Callable[[Api, Parameters], Answer]] = {
    "/": Api._page,
    "/zipkin": Api._zipkin_page,
    "/zipkin/config.json": Api._page_settings,
    "/health": Api._health,
    "/info": Api._info,
    "/metrics": Api._metrics_json,
    "/prometheus": Api._metrics_text,
    "/api/v2/traces": Api._traces,
    "/api/v2/traceMany": Api._trace_many,
    "/api/v2/services": Api._services,
    "/api/v2/spans": Api._span_names,
    "/api/v2/remoteServices": Api._remote_services,
    "/api/v2/autocompleteKeys": Api._autocomplete_names,
    "/api/v2/autocompleteValues": Api._autocomplete_values,
    "/api/v2/dependencies": Api._dependencies,
}

# The last part of such a path is an id.
_GET_BELOW: dict[str, Callable[[Api, str], Answer]] = {"/api/v2/trace/": Api._trace, TRACE_PAGES: Api._page_of_trace}

# Views of a real server's page; they lead to our page.
_ZIPKIN_PAGES = ("/zipkin/", "/zipkin/dependency")


def _traces_answer(traces: Sequence[Encoded]) -> Answer:
    _check_size([span for spans in traces for span in spans])
    lists = [list(_list_of([[span] for span in spans])) for spans in traces]
    return Answer(HTTPStatus.OK, b"".join(_list_of(lists)), JSON)


def _list_of(items: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """The pieces of a JSON list whose items are in pieces.

    The caller joins all pieces once, because there may be 32 MiB of them.
    """
    separator = b"["
    for pieces in items:
        yield separator
        yield from pieces
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _check_size(spans: Encoded) -> Encoded:
    """The same spans; raises ValueError where they have too many bytes for one answer."""
    if sum(map(len, spans)) > MAX_ANSWER_BYTES:
        raise ValueError(f"the answer would be longer than {MAX_ANSWER_BYTES} bytes; ask for less, for instance with limit=10")
    return spans


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("opentracing")
    except PackageNotFoundError:  # run from a folder, without an installation
        return ""
