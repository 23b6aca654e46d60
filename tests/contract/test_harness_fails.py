"""The harnesses find faults: a tracer that breaks a promise fails the checks of that promise, and no others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from opentracing import Scope, ScopeManager, Tracer
from opentracing.harness.api_check import APICompatibilityCheckMixin
from opentracing.harness.scope_check import ScopeCompatibilityCheckMixin
from opentracing.harness.trace_context_check import TraceContextCheckMixin
from opentracing.mocktracer.span import MockSpan
from opentracing.scope_managers import ContextVarsScopeManager

from .faulty_tracers import FAULTS


class Checks(APICompatibilityCheckMixin, TraceContextCheckMixin):
    def __init__(self, tracer: type[Tracer]) -> None:
        self.tracer = tracer  # type: ignore[method-assign]  # a class is called as the method would be

    def is_parent(self, parent: Any, span: Any) -> bool:
        if not isinstance(span, MockSpan):
            return False
        return (None if parent is None else parent.context.span_id) == span.parent_id


class ScopeChecks(ScopeCompatibilityCheckMixin):
    def __init__(self, scope_manager: type[ScopeManager]) -> None:
        self.scope_manager = scope_manager  # type: ignore[method-assign]


def failures(checks: object) -> set[str]:
    failed = set()
    for name in dir(checks):
        if name.startswith("test_"):
            try:
                getattr(checks, name)()
            except Exception:
                failed.add(name)
    return failed


@pytest.mark.parametrize(("tracer", "expected"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_fails_its_checks_and_no_other(tracer: type[Tracer], expected: set[str]) -> None:
    """A broken promise fails exactly its own checks, so that the name of a failing check tells which promise was broken."""

    assert expected == failures(Checks(tracer))


def test_every_check_can_fail() -> None:
    """For each check one of the faulty tracers fails it."""

    assert checks_of(Checks) == {name for _, found in FAULTS for name in found}


class NeverRestores(ContextVarsScopeManager):
    def activate(self, span: Any, finish_on_close: bool) -> Scope:
        scope: Any = super().activate(span, finish_on_close)
        scope._variable = SimpleNamespace(get=scope._variable.get, reset=lambda token: None)
        return scope  # type: ignore[no-any-return]


class NeverFinishes(ContextVarsScopeManager):
    def activate(self, span: Any, finish_on_close: bool) -> Scope:
        return super().activate(span, False)


class AlwaysFinishes(ContextVarsScopeManager):
    def activate(self, span: Any, finish_on_close: bool) -> Scope:
        return super().activate(span, True)


class ClosesWhateverIsActive(ContextVarsScopeManager):
    def activate(self, span: Any, finish_on_close: bool) -> Scope:
        scope = super().activate(span, finish_on_close)
        scope._is_outer_of = lambda other: False  # type: ignore[attr-defined]
        return scope


ALONE = {"test_activate", "test_activate_external"}
FINISHING = {"test_activate_finish_on_close", "test_activate_nested", "test_activate_finish_on_close_nested"}
MISSING = {"test_missing_active", "test_missing_active_external"}


@pytest.mark.parametrize(
    ("manager", "expected"),
    [
        (ContextVarsScopeManager, set()),
        (ScopeManager, ALONE | FINISHING | MISSING),
        (NeverRestores, ALONE | FINISHING),
        (NeverFinishes, FINISHING),
        (AlwaysFinishes, ALONE | {"test_activate_finish_on_close_nested"}),
        (ClosesWhateverIsActive, {"test_close_wrong_order"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_faulty_scope_manager_fails_its_checks_and_no_other(manager: type[ScopeManager], expected: set[str]) -> None:
    """A faulty scope manager fails exactly its own checks; the base class, which manages nothing, fails all but one."""

    assert expected == failures(ScopeChecks(manager))


def test_the_no_op_fails_where_its_class_does_not_say_that_it_is_one() -> None:
    """By default every value is checked, so that a tracer which keeps nothing does not pass by accident."""
    failed = failures(Checks(Tracer))

    assert {"test_span_baggage", "test_context_baggage", "test_active_span", "test_start_active_span"} <= failed
    assert {"test_trace_attributes_ignore_case", "test_text_round_trip", "test_no_trace_is_none"} <= failed
    assert not {"test_unknown_format", "test_mandatory_formats", "test_close_gives_a_future", "test_start_span"} & failed


def test_a_class_has_to_say_what_is_tested() -> None:
    """A class that does not define the required hooks gets NotImplementedError, and the other hooks have 2.4's defaults."""
    api, scope, classic = APICompatibilityCheckMixin(), ScopeCompatibilityCheckMixin(), TraceContextCheckMixin()

    for undefined in (api.tracer, scope.scope_manager, classic.tracer):
        with pytest.raises(NotImplementedError, match="define"):
            undefined()
    with pytest.raises(NotImplementedError, match="define is_parent"):
        classic.is_parent(None, None)
    assert (True, True, False) == (api.check_baggage_values(), api.check_scope_manager(), api.is_parent(None, None))
    assert (True, True) == (classic.check_trace_attribute_values(), classic.check_identity())


def test_the_checks_of_2_4_have_their_names() -> None:
    """The checks have the names of 2.4, because classes elsewhere override single checks by name."""
    names = """active_span start_active_span start_active_span_parent start_active_span_ignore_active_span
        start_active_span_not_finish_on_close start_active_span_finish_on_close start_active_span_default_finish_on_close
        start_span start_span_propagation start_span_propagation_ignore_active_span start_span_with_parent start_child_span
        set_operation_name span_as_context_manager span_tag_value_types span_tags_with_chaining span_logs span_baggage
        context_baggage text_propagation binary_propagation mandatory_formats unknown_format tracer_start_active_span_scope
        tracer_start_span_scope"""
    scope_names = """missing_active_external missing_active activate activate_external activate_finish_on_close activate_nested
        activate_finish_on_close_nested close_wrong_order"""

    assert {f"test_{name}" for name in names.split()} == checks_of(APICompatibilityCheckMixin)
    assert {f"test_{name}" for name in scope_names.split()} == checks_of(ScopeCompatibilityCheckMixin)
    assert set() == checks_of(APICompatibilityCheckMixin) & checks_of(TraceContextCheckMixin)


def checks_of(mixin: type) -> set[str]:
    return {name for name in dir(mixin) if name.startswith("test_")}
