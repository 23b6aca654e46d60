"""Our behaviour kits run on OpenTelemetry's instrumentations with our provider; known differences are expected failures.

Rules: an expected failure is OpenTelemetry's own behaviour, which is the same on its SDK, and has its reason here.  A test that
passes although it is expected to fail makes the run fail.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.otel import B3Propagator, TracerProvider
from opentracing_zipkin.otel.propagator import BaggagePropagator

from ..opentracing_zipkin.instrument import test_clients as clients, test_server_kit as servers

K = TypeVar("K", bound=type)


@pytest.fixture(autouse=True)
def _around(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Hide the exceptions that frameworks log, and restore the propagator after each test."""
    caplog.set_level(logging.CRITICAL)
    before = get_global_textmap()
    yield
    set_global_textmap(before)


def provider_of(tracer: Any) -> TracerProvider:
    """A provider on the tracer; its B3 becomes the global propagator."""
    set_global_textmap(CompositePropagator([B3Propagator(tracer), BaggagePropagator()]))
    return TracerProvider(tracer)


def _copied(test: Callable[[Any], None]) -> Callable[[Any], None]:
    @wraps(test)
    def run(self: Any) -> None:
        test(self)

    return run


def theirs(reasons: Mapping[str, Iterable[str]]) -> Callable[[K], K]:
    """Mark tests of the kit as expected failures, by their reasons."""

    def mark(kit: K) -> K:
        for reason, names in reasons.items():
            for name in names:
                setattr(kit, name, pytest.mark.xfail(strict=True, reason=reason)(_copied(getattr(kit, name))))
        return kit

    return mark


POLICY = "HttpPolicy is part of our package only; OpenTelemetry has its own variables and hooks"
PATH = "the path is in http.target or in http.url with its query, not in http.path"
SUCCESS = "every answer has its status as a tag"
URL = "the whole URL, with its query, is a tag"
OTHER_TRACER = "the provider records into a ZipkinTracer only"
SPELLING = "a route is written as the framework writes it"
STREAM = "the span ends with the application's return, before the body is sent"
NO_ROUTE = "no route is known where no view has answered"

SERVER: Mapping[str, Iterable[str]] = {
    POLICY: (
        "test_a_policy_decides_for_a_request",
        "test_an_excluded_path_is_not_recorded",
        "test_a_forwarded_address_is_used_where_it_is_trusted",
        "test_hooks_see_the_request_and_the_answer",
        "test_a_hook_sees_the_answer_of_a_request_that_is_not_recorded",
        "test_a_hook_that_raises_harms_no_request",
    ),
    PATH: (
        "test_what_is_not_found_has_no_path_in_its_name",
        "test_the_query_is_left_out",
        "test_a_path_beyond_ascii_is_text",
        "test_requests_at_once_have_spans_of_their_own",
    ),
    SUCCESS: ("test_success_has_no_status",),
    "an exception that reaches the server outranks what was set before": ("test_the_error_may_be_set",),
    OTHER_TRACER: ("test_another_tracer_records_as_well",),
}
ROUTES: Mapping[str, Iterable[str]] = {
    SPELLING: ("test_a_span_is_named_by_its_route", "test_a_nested_route_has_its_prefix"),
}
STREAMS: Mapping[str, Iterable[str]] = {
    STREAM: ("test_a_stream_lasts_until_its_last_byte", "test_a_stream_that_fails_is_an_error"),
}
DJANGO: Mapping[str, Iterable[str]] = {
    **SERVER,
    **ROUTES,
    **STREAMS,
    NO_ROUTE: ("test_a_redirect_has_its_route", "test_an_exception_is_the_error"),
}
CLIENT: Mapping[str, Iterable[str]] = {
    POLICY: (
        "test_hooks_see_the_request_and_its_answer",
        "test_hooks_change_the_name_and_the_tags",
        "test_a_hook_sees_the_error_of_the_transport",
        "test_a_hook_that_raises_costs_a_warning",
        "test_a_hook_sees_the_answer_to_a_request_that_is_not_recorded",
        "test_the_policy_samples_roots",
        "test_a_peer_has_its_name",
    ),
    PATH: (
        "test_the_span_has_the_method_and_the_path_without_its_query",
        "test_an_empty_path_is_a_slash",
        "test_a_span_has_ended_when_the_answer_was_read",
        "test_requests_of_many_threads_keep_their_parents",
        "test_a_redirect_is_a_request_beside_the_first",
    ),
    URL: ("test_the_text_of_an_error_has_no_query",),
    SUCCESS: ("test_success_has_no_status",),
    "an unknown method is a tag as it came": ("test_an_unknown_method_has_a_common_name",),
    "the provider does not start its spans by `start_span`": ("test_a_tracer_that_raises_costs_the_span_only",),
}
HTTPX: Mapping[str, Iterable[str]] = {
    **CLIENT,
    "the span ends with the headers of the answer": ("test_a_broken_answer_is_the_error",),
}


@theirs({**SERVER, **ROUTES, **STREAMS})
class TestFlask(servers.TestFlask):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        def install(app: Any, policy: HttpPolicy) -> None:
            FlaskInstrumentor.instrument_app(app, tracer_provider=provider_of(policy.tracer))

        with patch.object(servers.flask_instrument, "install", install):
            return super().serve(routes, policy)


@theirs(SERVER)
class TestFastApi(servers.TestFastApi):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        def install(app: Any, policy: HttpPolicy) -> None:
            # Without its spans for single messages, which are not requests.
            FastAPIInstrumentor.instrument_app(
                app, tracer_provider=provider_of(policy.tracer), exclude_spans=["receive", "send"]
            )

        with patch.object(servers.fastapi_instrument, "install", install):
            return super().serve(routes, policy)


class DjangoKit(servers.DjangoKit):
    def site(self, routes: Mapping[str, Any]) -> None:
        self.uninstrument()
        super().site(routes)
        DjangoInstrumentor().instrument(tracer_provider=provider_of(self.policy.tracer))

    def uninstrument(self) -> None:
        if DjangoInstrumentor().is_instrumented_by_opentelemetry:
            DjangoInstrumentor().uninstrument()

    def teardown_method(self) -> None:
        self.uninstrument()
        super().teardown_method()


def _nothing(policy: Any) -> None: ...


@theirs(DJANGO)
class TestDjangoWsgi(DjangoKit, servers.TestDjangoWsgi):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        with patch.object(servers.django_instrument, "install", _nothing):
            return super().serve(routes, policy)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@theirs(DJANGO)
class TestDjangoAsgi(DjangoKit, servers.TestDjangoAsgi):
    def serve(self, routes: Mapping[str, Any], policy: HttpPolicy) -> Any:
        with patch.object(servers.django_instrument, "install", _nothing):
            return super().serve(routes, policy)


class Switch:
    """One of OpenTelemetry's instrumentors with the interface of the clients' kit, on the global tracer of the moment."""

    def __init__(self, instrumentor: Callable[[], Any]) -> None:
        self.instrumentor = instrumentor

    def install(self, policy: Any = None) -> None:
        given = None if policy is None else policy.tracer
        self.instrumentor().instrument(tracer_provider=provider_of(given if isinstance(given, ZipkinTracer) else None))

    def uninstall(self) -> None:
        self.instrumentor().uninstrument()


@theirs(CLIENT)
class TestRequests(clients.TestRequests):
    instrumentation = Switch(RequestsInstrumentor)


@theirs(HTTPX)
class TestHttpx(clients.TestHttpx):
    instrumentation = Switch(HTTPXClientInstrumentor)


@theirs(HTTPX)
class TestAsyncHttpx(clients.TestAsyncHttpx):
    instrumentation = Switch(HTTPXClientInstrumentor)
