"""Where a trace begins, and whether it is recorded."""

from __future__ import annotations

from collections.abc import Mapping

from ...instrument.http import Request
from ...sampling import Rule, rules
from ...tracer import ZipkinTracer
from ..fakes import InMemoryRecorder
from .base import SAMPLED, SPAN_ID, TRACE_ID, UNDECIDED, UNSAMPLED, ServedApplication, ok
from .in_process import Answer

__all__ = ["DecisionCases"]


class DecisionCases(ServedApplication):
    """The origin of a trace, its sampling and its baggage."""

    # The origin of a trace

    def test_a_request_begins_a_trace(self) -> None:
        """A request without a context is the root of a new trace."""
        answer = self.get(ok)
        span = self.span()

        assert (200, "ok") == (answer.status, answer.body)
        assert (None, False, 32) == (span.parent_id, span.shared, len(span.trace_id))

    def test_the_id_that_was_sent_is_used(self) -> None:
        """The server's span has the ids of the client's span and the flag `shared`."""
        self.get(ok, SAMPLED)
        span = self.span()

        assert (TRACE_ID, SPAN_ID, True) == (span.trace_id, span.span_id, span.shared)

    def test_a_tracer_that_shares_no_ids_makes_a_child(self) -> None:
        """With `shared_spans=False` the server's span is a child of the client's."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), shared_spans=False))
        self.get(ok, SAMPLED)
        span = self.span()

        assert (TRACE_ID, SPAN_ID, False) == (span.trace_id, span.parent_id, span.shared)

    def test_the_single_header_is_read(self) -> None:
        """A context in the single header `b3` is read like one in several headers."""
        self.get(ok, {"b3": f"{TRACE_ID}-{SPAN_ID}-1"})

        assert (TRACE_ID, SPAN_ID) == (self.span().trace_id, self.span().span_id)

    def test_traceparent_is_continued_by_a_child(self) -> None:
        """With `w3c=True` the server's span is a child of the W3C context, which has no id to share."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), w3c=True))
        self.get(ok, {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"})

        assert (TRACE_ID, SPAN_ID) == (self.span().trace_id, self.span().parent_id)

    def test_a_broken_context_begins_a_trace(self) -> None:
        """Headers that cannot be read count as absent."""
        self.get(ok, {"x-b3-traceid": "not hexadecimal", "x-b3-spanid": "?", "b3": "%"})

        assert None is self.span().parent_id

    def test_a_debug_flag_is_kept(self) -> None:
        """A request with `x-b3-flags: 1` is recorded as debug, whatever the sampler decides."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), sample_rate=0.0))
        self.get(ok, {**UNDECIDED, "x-b3-flags": "1"})

        assert self.span().debug

    # Sampling and baggage

    def test_an_unsampled_request_is_not_recorded(self) -> None:
        """The caller's decision against recording is kept, and its context is passed on."""
        handler, found = self.note_context()
        self.get(handler, UNSAMPLED)

        assert ([], [(TRACE_ID, False)]) == (self.spans, [(context.trace_id, context.sampled) for context in found])

    def test_a_sampler_decides_where_the_caller_has_not(self) -> None:
        """The tracer's sampler is called for a request without a decision."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), sample_rate=0.0))
        self.get(ok)
        self.get(ok, UNDECIDED)
        assert [] == self.spans
        self.get(ok, SAMPLED)

        assert TRACE_ID == self.span().trace_id

    def test_a_tracer_that_is_off_records_nothing(self) -> None:
        """With `enabled=False` the answer is the same and no span is recorded."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), enabled=False))
        answer = self.get(ok, SAMPLED)

        assert (200, "ok", []) == (answer.status, answer.body, self.spans)

    def test_a_policy_decides_for_a_request(self) -> None:
        """`sample` is called once for a request without a decision; None leaves the decision to the tracer."""
        asked: list[tuple[str, str, str | None]] = []
        decisions = iter([False, None])

        def sample(request: Request) -> bool | None:
            asked.append((request.method, request.path, request.header("X-Kit")))
            return next(decisions)

        self.use(self.tracer, sample=sample)
        self.get(ok, {"x-kit": "first"})
        assert [] == self.spans
        self.get(ok, {"x-kit": "second"})
        self.get(ok, SAMPLED)
        self.get(ok, UNSAMPLED)

        assert [("GET", "/", "first"), ("GET", "/", "second")] == asked
        assert [False, True] == [span.trace_id == TRACE_ID for span in self.spans]

    def test_an_excluded_path_is_not_recorded(self) -> None:
        """A path of `excluded_paths` is not recorded, and neither are calls that are made while it is served."""
        self.use(self.tracer, excluded_paths=["/health", "/internal/*"])

        def handler() -> Answer:
            self.tracer.start_active_span("check").close()
            return Answer()

        ask = self.serve({"/health": handler, "/internal/deep/status": handler, "/healthy": handler}, self.policy)
        ask("GET", "/health", {})
        ask("GET", "/internal/deep/status", {})
        assert [] == self.spans
        ask("GET", "/healthy", {})

        assert 2 == len(self.spans)

    def test_baggage_comes_with_a_new_trace(self) -> None:
        """The handler of a new trace gets the baggage that came without ids."""
        assert ["7"] == self.baggage_with({})
        assert None is self.span().parent_id

    def test_baggage_comes_with_a_trace(self) -> None:
        """The handler of a continued trace gets its baggage."""
        assert ["7"] == self.baggage_with(SAMPLED)

    def test_the_samplers_rules_see_the_request(self) -> None:
        """Rules are compared with the method, path and headers before the decision; a header of a rule becomes no tag."""
        sampler = rules(
            Rule(path="/health", rate=0),
            Rule(method="POST", path="/pay/*", kind="server", service="kit", rate=1),
            Rule(headers={"X-Tenant": "gold"}, rate=1),
            otherwise=0,
        )
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), sampler=sampler))
        ask = self.serve({"/health": ok, "/pay/{number}": lambda number: Answer()}, self.policy)
        asked: list[tuple[str, str, dict[str, str]]] = [
            ("GET", "/health", {}),
            ("GET", "/health", {"x-tenant": "gold"}),
            ("POST", "/pay/7?x=1", {}),
            ("GET", "/pay/7", {}),
            ("GET", "/pay/7", {"x-tenant": "gold"}),
            ("GET", "/pay/7", {"x-tenant": "silver"}),
            ("GET", "/pay/7", {"x-tenant": "gold", **UNDECIDED}),
            # The rules are not asked where the caller has decided.
            ("POST", "/pay/7", UNSAMPLED),
            ("GET", "/health", SAMPLED),
        ]
        recorded = []
        for method, path, headers in asked:
            ask(method, path, headers)
            recorded.append(len(self.spans) == 1)
            assert not any("gold" in span.tags.values() for span in self.spans)
            self.spans.clear()

        assert [False, False, True, False, True, False, True, False, True] == recorded

    def test_baggage_comes_with_an_unsampled_trace(self) -> None:
        """The handler gets the baggage even if nothing is recorded."""
        assert ["7"] == self.baggage_with(UNSAMPLED)
        assert [] == self.spans

    def baggage_with(self, headers: Mapping[str, str]) -> list[str | None]:
        found: list[str | None] = []

        def handler() -> Answer:
            found.append(self.tracer.active_span.get_baggage_item("user"))
            return Answer()

        self.get(handler, {**headers, "ot-baggage-user": "7"})
        return found
