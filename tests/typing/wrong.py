"""A user's mistakes: mypy and pyright find an error in each marked line, and in no other; see `scripts/check-types`.

Rules: a statement is one line, and its mark says what is wrong with it.
"""

from __future__ import annotations

import opentracing
import opentracing_zipkin
from opentracing import Format, Scope, ScopeManager, Span, Tracer, child_of, follows_from, start_child_span
from opentracing.mocktracer import MockTracer
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.reporter import Reporter
from opentracing_zipkin.senders.http import HttpSender
from opentracing_zipkin.senders.kafka import KafkaSender
from opentracing_zipkin.senders.rabbitmq import RabbitmqSender
from opentracing_zipkin.testing import FakeSender

tracer = opentracing.tracer
headers: dict[str, str] = {}


def misspelt(span: Span, scope: Scope) -> None:
    """Names that the API does not have."""
    scope.span.set_tagg("k", "v")  # wrong: set_tag
    scope.set_tag("k", "v")  # wrong: scope.span.set_tag
    print(span.context.bagage)  # wrong: baggage
    print(span.context.trace_id)  # wrong: a context of which only the API is known has no ids
    print(span.trace_context.get_trace_attribut("k"))  # wrong: get_trace_attribute
    span.start_child("x").add_tagg("k", "v")  # wrong: add_tag
    span.set_tag("k", "v").logkv({})  # wrong: log_kv
    start_child_span(span, "x").finnish()  # wrong: finish
    tracer.start_trac("x")  # wrong: start_trace
    tracer.start_span("x", child=span)  # wrong: child_of
    tracer.start_span("x").tracer.start_spam("y")  # wrong: start_span
    tracer.inject(span.context, Format.HTTP_HEADER, headers)  # wrong: HTTP_HEADERS
    opentracing.start_span("x")  # wrong: opentracing.tracer.start_span


def unchecked(span: Span) -> None:
    """Values that may be None."""
    tracer.active_span.set_tag("k", "v")  # wrong: None where no span is active
    tracer.scope_manager.active.close()  # wrong: None where no span is active
    print(tracer.extract(Format.HTTP_HEADERS, headers).baggage)  # wrong: None where no trace is in the headers
    print(tracer.trace_context_from_text(headers, headers).baggage)  # wrong: None where no trace is in the headers
    print(tracer.trace_context_from_binary(b"", None).baggage)  # wrong: None where no trace is in the bytes
    print(span.get_baggage_item("k").upper())  # wrong: None where there is no such item
    print(span.context.get_trace_attribute("k").upper())  # wrong: None where there is no such attribute
    print(child_of(span.context).referenced_context.baggage)  # wrong: a reference may be to nothing


def mistaken(span: Span) -> None:
    """One thing in the place of another."""
    tracer.inject(span, Format.HTTP_HEADERS, headers)  # wrong: span.context
    tracer.join_trace("x", span)  # wrong: span.context
    tracer.start_span("x", references=[child_of(span)])  # wrong: span.context
    tracer.start_span("x", references=[follows_from("x")])  # wrong: a context
    tracer.start_span("x", references=[span.context])  # wrong: child_of(span.context)
    tracer.start_span("x", child_of="parent")  # wrong: a span or a context
    tracer.start_span("x", tags=["k"])  # wrong: a dict
    tracer.start_span(7)  # wrong: a name is text
    tracer.start_trace("x", span)  # wrong: tags; a trace has no parent
    start_child_span(span.context, "x")  # wrong: span
    span.set_tag(7, "v")  # wrong: a key is text
    span.finish("now")  # wrong: seconds
    span.log_kv("event")  # wrong: a dict
    tracer.scope_manager.activate(span.context, True)  # wrong: span
    opentracing.set_global_tracer(Tracer)  # wrong: a tracer, not its class
    Tracer("service")  # wrong: a scope manager
    Span(Tracer())  # wrong: a span has a context
    Scope(ScopeManager(), span.context)  # wrong: span
    with tracer.start_active_span("x") as scope:
        start_child_span(scope, "y")  # wrong: scope.span
    identity: dict[str, str] = tracer.trace_context_to_text(span.context)  # wrong: a pair
    print(identity)


def incomplete(span: Span) -> None:
    """Too few arguments."""
    tracer.start_active_span()  # wrong: an active span needs a name
    tracer.join_trace("x")  # wrong: the context that is joined
    tracer.scope_manager.activate(span)  # wrong: whether to finish it
    span.set_tag("k")  # wrong: a value
    span.start_child()  # wrong: a name


@tracer.trace
def price(article: str) -> float:
    return len(article)


@tracer.trace("delivery")
async def delivery(article: str) -> str:
    return article


@tracer.trace(7)  # wrong: a name is text
def unnamed() -> None:
    pass


async def decorated() -> None:
    """A decorated function keeps its signature."""
    price(7)  # wrong: an article is text
    price("tea", 7)  # wrong: there is no second argument
    print(price("tea").upper())  # wrong: a price is a number
    print(delivery("tea").upper())  # wrong: it is to be awaited
    print((await delivery("tea")).days)  # wrong: what is delivered is text


def misconfigured() -> None:
    """Settings: a misspelt name, a value of another type, a part that is none."""
    opentracing_zipkin.configure("shop", samplerate=0.5)  # wrong: sample_rate
    opentracing_zipkin.configure("shop", sample_rate="0.5")  # wrong: a number
    opentracing_zipkin.configure("shop", w3c="yes")  # wrong: a bool
    opentracing_zipkin.configure("shop", endpoint=9411)  # wrong: a URL
    opentracing_zipkin.configure("shop", handlers=[len])  # wrong: functions of a FinishedSpan
    opentracing_zipkin.configure("shop", redact=7)  # wrong: a bool, or a list of names
    opentracing_zipkin.configure("shop", sender=7)  # wrong: a Sender
    opentracing_zipkin.configure(shop="shop")  # wrong: service_name
    ZipkinTracer()  # wrong: the service's name
    ZipkinTracer("shop", handle_sigterm=True)  # wrong: configure's own
    ZipkinTracer("shop", recorder=object())  # wrong: a Recorder
    HttpSender(None, "/", "text/plain", timeout=1)  # wrong: send_timeout
    HttpSender(None, "/", "text/plain", kafka_acks="1")  # wrong: Kafka's
    KafkaSender("kafka://a", compress=True)  # wrong: HTTP's
    RabbitmqSender("amqp://a", kafka_tls=True)  # wrong: Kafka's
    opentracing_zipkin.configure("shop", kafka_acks=1)  # wrong: text
    B3Propagation("single", w3=True)  # wrong: w3c
    Reporter(json_v2, FakeSender(), flush_intervall=1)  # wrong: flush_interval
    print(ZipkinTracer("shop").start_trace("x").set_tagg("k", 1))  # wrong: set_tag
    print(ZipkinTracer("shop").stats.lost)  # wrong: dropped


def tested() -> None:
    """The tracers for tests know their own spans and contexts."""
    mock = MockTracer()
    print(mock.start_span("x").tagz)  # wrong: tags
    print(mock.start_trace("x").context.trace_idd)  # wrong: trace_id
    print(mock.finished_spans()[0].start_child("x").parent)  # wrong: parent_id
    mock.active_span.finish()  # wrong: None where no span is active
