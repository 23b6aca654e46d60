"""Copies of what an application's objects hold: every tracer's spans and scopes."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from opentracing import Tracer

from .tracers import TRACERS


@pytest.mark.parametrize("make", TRACERS.values(), ids=TRACERS)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copied_span_or_scope_is_the_same(make: Callable[[], Tracer], duplicate: Callable[[object], object]) -> None:
    """A request object that holds them can be copied, whatever tracer is installed."""
    with make().start_active_span("x") as scope:
        assert scope is duplicate(scope)
        assert scope.span is duplicate(scope.span)
