"""Copies of an application's objects that hold spans and scopes of every tracer."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from opentracing import Tracer

from .tracers import TRACERS


@pytest.mark.parametrize("make", TRACERS.values(), ids=TRACERS)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copied_span_or_scope_is_the_same(make: Callable[[], Tracer], duplicate: Callable[[object], object]) -> None:
    """A copy of a span or a scope is the same object, so that a request object which holds them can be copied."""
    with make().start_active_span("x") as scope:
        assert scope is duplicate(scope)
        assert scope.span is duplicate(scope.span)
