"""Every tracer of this project passes the three harnesses."""

from __future__ import annotations

import asyncio
import threading
import unittest
from collections.abc import Callable
from typing import Any

from opentracing import ScopeManager, Tracer
from opentracing.harness.api_check import APICompatibilityCheckMixin
from opentracing.harness.scope_check import ScopeCompatibilityCheckMixin
from opentracing.harness.trace_context_check import TraceContextCheckMixin
from opentracing.mocktracer import MockTracer
from opentracing.scope_managers import ContextVarsScopeManager
from opentracing.standard import InMemoryRecorder, RecordingTracer
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder as ZipkinRecorder


class BothVocabularies(APICompatibilityCheckMixin, TraceContextCheckMixin):
    """Runs both harnesses; no check of one has the name of a check of the other."""


class TestNoopTracer(BothVocabularies):
    """The no-op accepts all calls and keeps nothing."""

    def tracer(self) -> Tracer:
        return Tracer()

    def check_baggage_values(self) -> bool:
        return False

    def check_scope_manager(self) -> bool:
        return False

    def check_trace_attribute_values(self) -> bool:
        return False

    def check_identity(self) -> bool:
        return False


class TestMockTracer(BothVocabularies):
    def tracer(self) -> MockTracer:
        return MockTracer()

    def is_parent(self, parent: Any, span: Any) -> bool:
        if parent is None:
            return span.parent_id is None
        return (parent.context.trace_id, parent.context.span_id) == (span.context.trace_id, span.parent_id)


class TestRecordingTracer(BothVocabularies):
    def tracer(self) -> RecordingTracer:
        return RecordingTracer(InMemoryRecorder())

    def is_parent(self, parent: Any, span: Any) -> bool:
        if parent is None:
            return span.context.parent_id is None
        return (parent.context.trace_id, parent.context.span_id) == (span.context.trace_id, span.context.parent_id)


class TestZipkinTracer(BothVocabularies):
    """Both sides of a call may report under the client's span id, as usual in Zipkin; then they have the same parent."""

    shared_spans = True

    def tracer(self) -> ZipkinTracer:
        return ZipkinTracer("service", recorder=ZipkinRecorder(), shared_spans=self.shared_spans)

    def is_parent(self, parent: Any, span: Any) -> bool:
        context = span.context
        if parent is None:
            return context.parent_id is None and not context.shared
        if context.shared:
            expected = (parent.context.trace_id, parent.context.span_id, parent.context.parent_id)
            return expected == (context.trace_id, context.span_id, context.parent_id)
        return (parent.context.trace_id, parent.context.span_id) == (context.trace_id, context.parent_id)


class TestZipkinTracerWithoutSharedSpans(TestZipkinTracer):
    shared_spans = False


class TestUnsampledZipkinTracer(TestZipkinTracer):
    """A span that is not recorded still propagates its identity and its attributes."""

    def tracer(self) -> ZipkinTracer:
        return ZipkinTracer("service", recorder=ZipkinRecorder(), sample_rate=0.0)


class TestContextVarsScopeManager(ScopeCompatibilityCheckMixin):
    def scope_manager(self) -> ScopeManager:
        return ContextVarsScopeManager()


class TestContextVarsScopeManagerInCoroutines(TestContextVarsScopeManager):
    def run_test(self, test_fn: Callable[[], object]) -> None:
        async def run() -> None:
            test_fn()

        asyncio.run(run())


class TestContextVarsScopeManagerInThreads(TestContextVarsScopeManager):
    def run_test(self, test_fn: Callable[[], object]) -> None:
        errors: list[BaseException] = []

        def run() -> None:
            try:
                test_fn()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]


def test_the_harnesses_run_under_unittest() -> None:
    """Classes written as `class ...(unittest.TestCase, APICompatibilityCheckMixin)` run all checks."""

    class Case(unittest.TestCase, BothVocabularies):
        def tracer(self) -> MockTracer:
            return MockTracer()

        is_parent = TestMockTracer.is_parent

    class ScopeCase(unittest.TestCase, ScopeCompatibilityCheckMixin):
        def scope_manager(self) -> ScopeManager:
            return ContextVarsScopeManager()

    for case, count in ((Case, 25 + 21), (ScopeCase, 8)):
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)

        assert ([], [], []) == (result.failures, result.errors, result.skipped)
        assert count == result.testsRun
