"""The global tracer is one module variable, which is replaced by assignment or by `set_global_tracer`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import opentracing


@pytest.fixture(autouse=True)
def _no_op() -> Iterator[None]:
    """The no-op is the global tracer before each test, whichever tests ran before, and after it."""
    opentracing._reset_global_tracer()
    yield
    opentracing._reset_global_tracer()


def test_assignment_replaces_the_global_tracer() -> None:
    """Code for 0.5 assigns `opentracing.tracer = mine`, and the functions of 2.4 return that tracer."""
    mine = opentracing.Tracer()

    assert False is opentracing.is_global_tracer_registered()
    opentracing.tracer = mine
    assert mine is opentracing.global_tracer()
    assert True is opentracing.is_global_tracer_registered()


def test_set_global_tracer_replaces_it_too() -> None:
    """`set_global_tracer` replaces the global tracer, and a second call replaces it again."""
    for mine in (opentracing.Tracer(), opentracing.Tracer()):
        opentracing.set_global_tracer(mine)

        assert mine is opentracing.tracer


def test_none_is_no_tracer() -> None:
    """`set_global_tracer(None)` raises ValueError, and the message names the no-op as the replacement."""
    with pytest.raises(ValueError, match=r"opentracing\.Tracer\(\)"):
        opentracing.set_global_tracer(None)  # type: ignore[arg-type]
