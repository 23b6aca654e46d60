"""The promises of OpenTracing 2.4 for every scope manager, as tests to mix into your own test class.

Rules: the class, its hooks and its tests have the same names as in opentracing 2.4.0, because classes elsewhere override
them.  A test whose name ends in `external` runs where the test runner calls it; `run_test` calls all others.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

from opentracing import ScopeManager, Span

__all__ = ["ScopeCompatibilityCheckMixin"]


class ScopeCompatibilityCheckMixin:
    """Mix it in: `class TestMyManager(ScopeCompatibilityCheckMixin)`, with `unittest.TestCase`, or alone under pytest."""

    def scope_manager(self) -> ScopeManager:
        """A new scope manager to test."""
        raise NotImplementedError("tell which scope manager to test: define scope_manager()")

    def run_test(self, test_fn: Callable[[], object]) -> None:
        """Call `test_fn` in the environment that the manager is made for, such as a coroutine; by default, call it directly."""
        test_fn()

    def test_missing_active_external(self) -> None:
        self._check_nothing_is_active_at_first()

    def test_missing_active(self) -> None:
        self.run_test(self._check_nothing_is_active_at_first)

    def _check_nothing_is_active_at_first(self) -> None:
        assert self.scope_manager().active is None, "nothing is active before the first activation"

    def test_activate_external(self) -> None:
        self._check_activation(finish_on_close=False)

    def test_activate(self) -> None:
        self.run_test(lambda: self._check_activation(finish_on_close=False))

    def test_activate_finish_on_close(self) -> None:
        self.run_test(lambda: self._check_activation(finish_on_close=True))

    def _check_activation(self, finish_on_close: bool) -> None:
        manager, span = self.scope_manager(), _span()
        scope = manager.activate(span, finish_on_close)
        assert scope is not None, "activate returns a scope"
        assert manager.active is scope, "the active scope is the one that activate returned"
        scope.close()
        assert manager.active is None, "nothing is active after the only scope was closed"
        finishes = span.finish.call_count
        assert finishes == int(finish_on_close), f"with finish_on_close={finish_on_close}, finish was called {finishes} times"

    def test_activate_nested(self) -> None:
        def nest() -> None:
            manager, outer_span, inner_span = self.scope_manager(), _span(), _span()
            with manager.activate(outer_span, True) as outer:
                assert manager.active is outer, "a scope is active inside its block"
                with manager.activate(inner_span, True) as inner:
                    assert manager.active is inner, "the inner scope is active inside its block"
                assert manager.active is outer, "the outer scope is active again after the inner block"
                assert (outer_span.finish.call_count, inner_span.finish.call_count) == (0, 1), "only the inner span has ended"
            assert manager.active is None, "nothing is active after the outer block"
            assert (outer_span.finish.call_count, inner_span.finish.call_count) == (1, 1), "each span is finished once"

        self.run_test(nest)

    def test_activate_finish_on_close_nested(self) -> None:
        def nest() -> None:
            manager, outer_span, inner_span = self.scope_manager(), _span(), _span()
            outer = manager.activate(outer_span, False)
            with manager.activate(inner_span, True):
                pass
            outer.close()
            assert manager.active is None, "nothing is active after the outer scope was closed"
            assert outer_span.finish.call_count == 0, "an inner scope with finish_on_close=True leaves the outer span open"
            assert inner_span.finish.call_count == 1, "an inner scope with finish_on_close=True finishes its own span"

        self.run_test(nest)

    def test_close_wrong_order(self) -> None:
        def close_the_outer_one_first() -> None:
            manager, outer_span = self.scope_manager(), _span()
            outer = manager.activate(outer_span, True)
            inner = manager.activate(_span(), True)
            outer.close()
            try:
                assert outer_span.finish.call_count == 0, "a scope that is not the active one cannot end yet"
                assert manager.active is inner, "closing another scope leaves the active one active"
            finally:  # the next test may see the same state: some managers keep it globally
                inner.close()
                outer.close()

        self.run_test(close_the_outer_one_first)


def _span() -> mock.MagicMock:
    return mock.MagicMock(spec=Span)
