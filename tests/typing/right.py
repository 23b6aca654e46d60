"""A user's application: every line of it is right, and `scripts/check-types` shows that mypy and pyright see that.

Rules: written as users write, with hints on functions and nothing else, so that the types are those that the API gives.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import opentracing
import opentracing_zipkin
from opentracing import (
    Format,
    Reference,
    Scope,
    ScopeManager,
    Span,
    SpanContext,
    TraceContext,
    Tracer,
    child_of,
    follows_from,
    start_child_span,
    tags,
)
from opentracing.mocktracer import MockTracer
from opentracing.scope_managers import ContextVarsScopeManager
from opentracing.standard import InMemoryRecorder, RecordingTracer
from opentracing_zipkin import FinishedSpan, ZipkinTracer, sampling
from opentracing_zipkin.handlers import count, drop, environment_tags, redact, rename
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.sampling import Rule
from opentracing_zipkin.senders.console import ConsoleSender
from opentracing_zipkin.senders.http import HttpSender
from opentracing_zipkin.senders.kafka import KafkaSender
from opentracing_zipkin.senders.rabbitmq import RabbitmqSender
from opentracing_zipkin.testing import FakeClock, InMemoryRecorder as ZipkinRecorder

COUNTS = count()


def primitives(tracer: Tracer, headers: dict[str, str]) -> str:
    """In the words of 2.4."""
    caller = tracer.extract(Format.HTTP_HEADERS, headers)
    with tracer.start_active_span("get", child_of=caller, tags={tags.SPAN_KIND: tags.SPAN_KIND_RPC_SERVER}) as scope:
        scope.span.set_tag(tags.HTTP_STATUS_CODE, 200).log_kv({"event": "found", "shelf": 7}).set_baggage_item("user", "7")
        active = tracer.active_span
        if active is not None:
            active.set_operation_name("get /orders").set_tag("open", True)
        inner = tracer.scope_manager.active
        if inner is not None and inner.span.get_baggage_item("user") == "7":
            inner.close()
    references: list[Reference] = [child_of(scope.span.context), follows_from(caller), child_of()]
    with tracer.start_span("store", references=references, start_time=1.5, ignore_active_span=True) as span:
        child = start_child_span(span, "write", tags={"size": 12}, start_time=2.5)
        child.finish(finish_time=3.5)
        sent: dict[str, str] = {}
        child.tracer.inject(child.context, Format.TEXT_MAP, sent)
        written = bytearray()
        tracer.inject(span.context, Format.BINARY, written)
    user = child.context.baggage.get("user", "nobody")
    return user.upper() + ",".join(sent)


def classic(tracer: Tracer, headers: dict[str, str]) -> dict[str, str]:
    """In the words of 0.5."""
    context = tracer.trace_context_from_text(headers, headers)
    tracer.start_trace("look", tags={"shelf": 7}).finish()
    with tracer.join_trace("get", context, tags={"shelf": 7}) as server, server.start_child("store") as child:
        child.add_tag(tags.PEER_PORT, 80).add_tags({tags.PEER_HOST_IPV4: 127, "open": True}).info("asked for %s", "tea")
        child.error("no %s on shelf %d", "tea", 7)
        user = child.trace_context.set_trace_attribute("user", "7").get_trace_attribute("User")
        identity, attributes = tracer.trace_context_to_text(child.trace_context)
        first, _ = tracer.trace_context_to_binary(child.trace_context)
        again = tracer.trace_context_from_binary(first, None)
    sent = {**identity, **(attributes or {}), "user": user or "nobody"}
    if again is not None:
        sent.update(again.baggage)
    return sent


@opentracing.tracer.trace
def price(article: str, discount: float = 0.0) -> float:
    return len(article) * (1 - discount)


@opentracing.tracer.trace("delivery", tags={"days": 2})
async def delivery(article: str) -> list[str]:
    return [article]


@opentracing.tracer.trace()
def articles(count: int) -> Iterator[str]:
    yield from ["tea"] * count


def decorated() -> tuple[float, list[str], list[str]]:
    """A decorated function keeps its signature."""
    return price("tea", discount=0.5), asyncio.run(delivery("tea")), [article.upper() for article in articles(2)]


class Audited(Span):
    """A span of a user's own."""

    def __init__(self, tracer: Tracer, context: SpanContext) -> None:
        super().__init__(tracer, context)
        self.audited: list[str] = []

    def set_tag(self, key: str, value: object) -> Audited:
        self.audited.append(key)
        return self


class Auditor(Tracer):
    """A tracer of a user's own."""

    def start_span(
        self,
        operation_name: str | None = None,
        child_of: Span | SpanContext | None = None,
        references: object = None,
        tags: dict[str, object] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
    ) -> Audited:
        return Audited(self, child_of.context if isinstance(child_of, Span) else child_of or SpanContext())

    def extract(self, format: str, carrier: object) -> SpanContext:
        return SpanContext()


def own() -> tuple[list[str], SpanContext]:
    """A type that a subclass narrows stays narrow."""
    tracer = Auditor(scope_manager=ContextVarsScopeManager())
    span = tracer.start_span("own").set_tag("k", "v")
    span.add_tag("l", 2)
    return span.audited, tracer.extract(Format.TEXT_MAP, {})


def constructed() -> list[Span]:
    """Both constructors that a span has had."""
    context = TraceContext()
    nobodys = Span(context)
    nobodys.tracer = Tracer(ScopeManager())
    nobodys.trace_context = context
    return [nobodys, Span(trace_context=context), Span(Tracer(), context), Scope(ScopeManager(), nobodys).span]


def hide(span: FinishedSpan) -> FinishedSpan | None:
    """A span handler."""
    return span if span.tags.pop("card", None) is None else None


def configured(name: str | None, rate: float | None) -> ZipkinTracer:
    """Every argument may be None; parts are taken, and their own constructors know their settings."""
    recording = opentracing_zipkin.ZipkinTracer("shop", recorder=ZipkinRecorder(), clock=FakeClock(), scope_manager=None)
    recording.start_trace("x").set_tag("k", 1).finish()
    HttpSender(["http://a", "http://b"], "/api/v2/spans", "application/json", send_timeout=1, auth=("user", "word"))
    KafkaSender("kafka://a,b/zipkin", kafka_acks="1", auth=("user", "word"))
    KafkaSender(["kafka://a", "kafka://b"], kafka_tls=True)
    RabbitmqSender("amqp://user@a/vhost?queue=zipkin", send_timeout=1)
    ConsoleSender("/var/log/spans.jsonl").send(b"")
    opentracing_zipkin.configure("shop", endpoint="kafka://a", kafka_compression="zstd", kafka_sasl_mechanism="PLAIN")
    B3Propagation("single", w3c=True, baggage_fields=["x-request-id"])
    return opentracing_zipkin.configure(
        name,
        endpoint=None,
        encoding="proto3",
        sample_rate=rate,
        sampler=None,
        b3_format=None,
        headers={"X-Tenant": "blue"},
        default_tags={**environment_tags(), "version": 3},
        handlers=[
            hide,
            rename(
                "/users/{id}", {"select": "read"}, {re.compile(r"order \d+"): "order"}, lambda span: span.tags.get("http.route")
            ),
            drop("*/health", kinds=["SERVER"], tags={"cache": ..., "status": "2*"}, shorter_than_s=0.001),
            COUNTS,
            redact(["x-customer"], ["email", re.compile("[0-9]+")], whole_query=True),
        ],
        redact=["*iban*"],
        on_stats=lambda stats: print(stats.sent),
        enabled=None,
        handle_sigterm=False,
    )


class Tenants(sampling.RootSampler):
    """A sampler of one's own."""

    headers = ("x-tenant",)

    def decide(self, trace_id: int, root: sampling.Root) -> bool:
        return root.headers.get("x-tenant") == "gold" or root.path.startswith("/pay/")


def sampled(tracer: ZipkinTracer) -> list[sampling.Sampler]:
    """Samplers of each kind, at the start and at run time."""
    rules = [Rule(path="/health", rate=0), Rule(method=["POST"], headers={"x-tenant": "*"}, rate="always", limit=0.5)]
    found = [tracer.sampler]
    tracer.sampler = sampling.boundary(0.1)
    tracer.sampler = lambda trace_id: trace_id % 2 == 0
    tracer.sampler = sampling.rules(*rules, otherwise=sampling.rate_limiting(50, rate=0.01))
    tracer.sampler = Tenants()
    ZipkinTracer("shop", sampling_rules=Path("rules.toml"), sample_rate=0.01).close()
    return [*found, sampling.always, sampling.rules(otherwise=0.5)]


def tested() -> list[int | None]:
    """The tracers for tests know their own spans and contexts."""
    tracer = MockTracer()
    span = tracer.start_trace("get")
    span.start_child("store").finish()
    span.finish()
    recorder = InMemoryRecorder()
    recorded = RecordingTracer(recorder).start_span("get")
    assert 16 == len(recorded.context.trace_id + recorded.context.span_id) // 2
    return [span.trace_context.trace_id, *(finished.context.span_id for finished in tracer.finished_spans())]


def installed(tracer: Tracer) -> bool:
    """The global tracer may be replaced, and a tracer can be closed."""
    opentracing.set_global_tracer(tracer)
    opentracing.tracer = tracer
    with opentracing.detached():
        opentracing.wrap(decorated)()
    return opentracing.global_tracer().close().result(timeout=1.0) and opentracing.is_global_tracer_registered()
