"""A decision of the caller's, debug included, is never put to a sampler; an open one is, with all that rules ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from opentracing import Format
from opentracing_zipkin import ZipkinTracer, sampling
from opentracing_zipkin.sampling import Root, RootSampler, Rule
from opentracing_zipkin.testing import InMemoryRecorder

TRACE, SPAN = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312"
IDS = {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN}
W3C = f"00-{TRACE}-{SPAN}"

# The headers of a caller -> its decision (None: left to us), and whether it is debug.
CALLERS: dict[str, tuple[dict[str, str], bool | None, bool]] = {
    "nothing": ({}, None, False),
    "multi, accepted": ({**IDS, "X-B3-Sampled": "1"}, True, False),
    "multi, denied": ({**IDS, "X-B3-Sampled": "0"}, False, False),
    "multi, denied without ids": ({"X-B3-Sampled": "0"}, False, False),
    "multi, accepted without ids": ({"X-B3-Sampled": "1"}, True, False),
    "multi, debug": ({**IDS, "X-B3-Flags": "1"}, True, True),
    "multi, debug without ids": ({"X-B3-Flags": "1"}, True, True),
    "multi, deferred": (IDS, None, False),
    "single, accepted": ({"b3": f"{TRACE}-{SPAN}-1"}, True, False),
    "single, denied": ({"b3": f"{TRACE}-{SPAN}-0"}, False, False),
    "single, denied without ids": ({"b3": "0"}, False, False),
    "single, debug": ({"b3": f"{TRACE}-{SPAN}-d"}, True, True),
    "single, deferred": ({"b3": f"{TRACE}-{SPAN}"}, None, False),
    "W3C, accepted": ({"traceparent": f"{W3C}-01"}, True, False),
    "W3C, denied": ({"traceparent": f"{W3C}-00"}, False, False),
    "attributes alone": ({"ot-baggage-user": "7"}, None, False),
}

FITTING = {"x-tenant": "gold"}


def rule(rate: float) -> Rule:
    return Rule(method="GET", path="/a/*", service="shop", kind="server", headers={"X-Tenant": "gold"}, rate=rate)


class Asked(RootSampler):
    """Keeps what it is asked."""

    def __init__(self, answer: bool) -> None:
        self.roots: list[Root] = []
        self._answer = answer

    @property
    def headers(self) -> tuple[str, ...]:
        return ("x-tenant",)

    def decide(self, trace_id: int, root: Root, /) -> bool:
        self.roots.append(root)
        return self._answer


def written(folder: Path, rate: float) -> dict[str, Any]:
    file = folder / "rules.toml"
    file.write_text(
        f'[[rule]]\nmethod = "GET"\npath = "/a/*"\nservice = "shop"\nkind = "server"\nheaders = {{x-tenant = "gold"}}\nrate = {rate}\n'
    )
    return {"sampling_rules": file, "sample_rate": 1.0 - rate}


# A sampler that says yes to what fits, and one that says no, as settings.
SAMPLERS: dict[str, Callable[[bool, Path], dict[str, Any]]] = {
    "rules": lambda yes, folder: {"sampler": sampling.rules(rule(float(yes)), otherwise=float(not yes))},
    "a file": lambda yes, folder: written(folder, float(yes)),
    "a limit": lambda yes, folder: {
        "sampler": sampling.rules(Rule(headers={"x-tenant": "gold"}, limit=5) if yes else rule(0), otherwise=float(not yes))
    },
    "a function": lambda yes, folder: {"sampler": lambda trace_id: yes},
    "boundary": lambda yes, folder: {"sample_rate": float(yes)},
    "a sampler of roots": lambda yes, folder: {"sampler": Asked(yes)},
}

Extract = Callable[[ZipkinTracer, dict[str, str]], Any]
EXTRACTS: dict[str, Extract] = {
    "headers": lambda tracer, headers: tracer.extract(Format.HTTP_HEADERS, headers),
    "pairs": lambda tracer, headers: tracer.extract(
        Format.HTTP_HEADERS, [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    ),
    "environ": lambda tracer, headers: tracer.extract(
        Format.HTTP_HEADERS,
        {"wsgi.version": (1, 0), **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}},
    ),
    "text": lambda tracer, headers: tracer.trace_context_from_text(headers, {}),
}

TAGS = {"span.kind": "server", "http.method": "GET", "http.path": "/a/b"}


@pytest.mark.parametrize("extract", EXTRACTS.values(), ids=EXTRACTS)
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_debug_accept_and_deny_from_upstream_win_over_every_rule(
    sampler: Callable[[bool, Path], dict[str, Any]], extract: Extract, tmp_path: Path
) -> None:
    """Our sampler decides only where the caller has left the decision open, whether the sampler would say yes or no."""
    found, expected = {}, {}
    for (name, (headers, decision, debug)), yes in product(CALLERS.items(), (True, False)):
        recorder = InMemoryRecorder()
        tracer = ZipkinTracer("shop", recorder=recorder, **sampler(yes, tmp_path))
        span = tracer.join_trace("get", extract(tracer, {**headers, **FITTING}), TAGS)
        context = span.context
        span.start_child("below").finish()
        span.finish()
        sampled = yes if decision is None else decision
        expected[name, yes] = (sampled, debug, 2 * sampled)
        found[name, yes] = (context.sampled, context.debug, len(recorder.spans))
        tracer.close(0)

    assert expected == found


@pytest.mark.parametrize("name", CALLERS)
def test_a_sampler_is_asked_only_where_the_caller_has_left_it_open(name: str) -> None:
    """An open decision is put to the sampler once for a trace, with the header that it wants, which becomes no tag."""
    headers, decision, _ = CALLERS[name]
    asked, recorder = Asked(True), InMemoryRecorder()
    tracer = ZipkinTracer("shop", recorder=recorder, sampler=asked)
    for _ in range(2):
        tracer.join_trace(
            "get", tracer.extract(Format.HTTP_HEADERS, {**headers, "X-TENANT": "gold", "x-other": "1"}), TAGS
        ).finish()

    has_ids = TRACE in str(headers)
    assert (0 if decision is not None else 1 if has_ids else 2) == len(asked.roots)
    assert all({"x-tenant": "gold"} == dict(root.headers) for root in asked.roots)
    assert not any("gold" in span.tags.values() for span in recorder.spans)


def test_callers_that_are_not_trusted_are_put_to_the_rules() -> None:
    """The rules decide about callers that are not trusted, whatever these send, and compare the header that they ask for."""
    for (headers, _, _), yes in product(CALLERS.values(), (True, False)):
        tracer = ZipkinTracer(
            "shop",
            recorder=InMemoryRecorder(),
            trust_incoming=False,
            sampler=sampling.rules(rule(float(yes)), otherwise=float(not yes)),
        )
        context = tracer.extract(Format.HTTP_HEADERS, {**headers, **FITTING})
        span = tracer.join_trace("get", context, TAGS)

        assert (yes, False) == (span.context.sampled, span.context.debug)
        assert span.context.trace_id != TRACE


def test_an_open_decision_is_remembered_for_what_is_sent_on() -> None:
    """A trace that comes twice gets one answer, whatever the second request is."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampler=sampling.rules(rule(1.0), otherwise=0))
    first = tracer.join_trace("get", tracer.extract(Format.HTTP_HEADERS, {**IDS, **FITTING}), TAGS)
    again = tracer.join_trace("get", tracer.extract(Format.HTTP_HEADERS, IDS), TAGS)
    carrier: dict[str, str] = {}
    tracer.inject(again.context, Format.HTTP_HEADERS, carrier)

    assert (True, True, "1") == (first.context.sampled, again.context.sampled, carrier["x-b3-sampled"])
    assert TRACE == first.context.trace_id == again.context.trace_id


def test_an_open_decision_that_has_to_be_sent_on_before_a_span_is_made_by_what_is_known() -> None:
    """A `traceparent` cannot leave the decision open, so it is made without a span, and rules with conditions do not fit."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), w3c=True, sampler=sampling.rules(rule(1.0), otherwise=0))
    carrier: dict[str, str] = {}
    tracer.inject(tracer.extract(Format.HTTP_HEADERS, {**IDS, **FITTING}), Format.HTTP_HEADERS, carrier)

    assert f"{W3C}-00" == carrier["traceparent"]


def test_a_deferred_span_of_a_server_still_shares_its_callers_id() -> None:
    """With rules, as without them, the server's span has its caller's span id, and is not marked as shared."""
    spans = []
    for settings in ({}, {"sampler": sampling.rules(rule(1.0))}):
        recorder = InMemoryRecorder()
        tracer = ZipkinTracer("shop", recorder=recorder, **settings)  # type: ignore[arg-type]
        tracer.join_trace("get", tracer.extract(Format.HTTP_HEADERS, {**IDS, **FITTING}), TAGS).finish()
        [span] = recorder.spans
        spans.append((span.trace_id, span.span_id, span.parent_id, span.shared, span.tags))

    assert spans[0] == spans[1]
    assert SPAN == spans[1][1]


# At run time


def test_another_sampler_counts_from_the_next_root_on() -> None:
    """A sampler of any kind can replace one of any other kind; a trace that has begun keeps its decision."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder())
    begun = tracer.start_trace("x")
    kinds: list[tuple[Any, bool]] = [
        (sampling.never, False),
        (sampling.always, True),
        (lambda trace_id: False, False),
        (sampling.rules(otherwise=1), True),
        (sampling.boundary(0), False),
        (Asked(True), True),
        (sampling.rate_limiting(1e-4), True),
        (sampling.rules(Rule(rate=0)), False),
        (sampling.boundary(1), True),
    ]
    for (first, before), (second, after) in product(kinds, kinds):
        tracer.sampler = first
        if not isinstance(first, sampling.by_time.RateLimiting):  # another round may have used up its one trace in hours
            assert before is tracer.start_trace("x").context.sampled
        tracer.sampler = second
        assert second is tracer.sampler
        if not isinstance(second, sampling.by_time.RateLimiting):
            assert after is tracer.start_trace("x").context.sampled
    tracer.sampler = sampling.rate_limiting(1e-4)

    assert [True, False] == [tracer.start_trace("x").context.sampled for _ in range(2)]
    assert True is begun.start_child("y").context.sampled


def test_another_sampler_counts_on_every_thread_at_once() -> None:
    """No root that starts after the change is decided by the former one."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sample_rate=0.0)
    wrong: list[tuple[bool, bool | None]] = []
    wanted: list[tuple[bool] | None] = [(False,)]
    done = threading.Event()

    def start() -> None:
        while not done.is_set():
            before = wanted[0]
            sampled = tracer.start_trace("x").context.sampled
            if before is not None and before is wanted[0] and sampled is not before[0]:
                wrong.append((before[0], sampled))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    samplers: list[Any] = [sampling.always, sampling.rules(otherwise=0), lambda trace_id: True, sampling.never]
    for round_ in range(400):
        wanted[0] = None  # while it is being changed
        tracer.sampler = samplers[round_ % 4]
        wanted[0] = (round_ % 2 == 0,)
        tracer.start_trace("x")
    done.set()
    for thread in threads:
        thread.join()

    assert [] == wrong


def test_the_switch_and_the_sampler_go_together() -> None:
    """A tracer that is switched off records nothing, whichever sampler it gets meanwhile."""
    recorder = InMemoryRecorder()
    tracer = ZipkinTracer("shop", recorder=recorder, enabled=False)
    for sampler in (sampling.rules(otherwise=1), sampling.always, lambda trace_id: True):
        tracer.enabled = False
        tracer.sampler = sampler
        tracer.start_trace("x").finish()
        tracer.enabled = True
        tracer.start_trace("y").finish()

    assert ["y"] * 3 == [span.name for span in recorder.spans]


@pytest.mark.parametrize("sampler", [None, 0.5, "always", RootSampler, object()])
def test_what_is_no_sampler_is_refused_and_changes_nothing(sampler: Any) -> None:
    """An object that is no sampler raises ValueError, and the tracer keeps the sampler that it had."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder())
    with pytest.raises(ValueError, match=r"^sampler is "):
        tracer.sampler = sampler

    assert tracer.sampler is sampling.always


def test_a_sampler_of_roots_that_raises_means_no() -> None:
    """Tracing never breaks the traced: nothing is raised, and what the caller has sent counts."""

    class Broken(RootSampler):
        @property
        def headers(self) -> Any:
            raise RuntimeError

        def close(self) -> None:
            raise RuntimeError

    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampler=Broken())

    assert False is tracer.start_trace("x").context.sampled
    assert TRACE == tracer.extract(Format.HTTP_HEADERS, IDS).trace_id  # type: ignore[union-attr]
    assert True is tracer.extract(Format.HTTP_HEADERS, {"X-B3-Sampled": "1"}).sampled  # type: ignore[union-attr]
    tracer.close(0)


@pytest.mark.parametrize("name", ["x-tenant", "X-Tenant", "X-TENANT"])
def test_headers_are_asked_for_in_any_spelling_and_of_any_carrier(name: str) -> None:
    """Headers are found in any spelling and in any carrier, also in one that can be read only once; the first of two counts."""
    seen: list[dict[str, str]] = []

    class Asking(RootSampler):
        headers = (name,)

        def decide(self, trace_id: int, root: Root, /) -> bool:
            seen.append(dict(root.headers))
            return True

    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampler=Asking())
    pairs = [("X-Tenant", "gold"), ("x-tenant", "silver"), ("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN)]
    for number, carrier in enumerate((pairs, iter(pairs), tuple(pairs), dict(pairs))):
        fresh = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampler=tracer.sampler)
        span = fresh.start_span("x", child_of=fresh.extract(Format.HTTP_HEADERS, carrier))

        assert TRACE == span.context.trace_id
        assert number + 1 == len(seen)

    assert [{"x-tenant": "gold"}] * 4 == seen
