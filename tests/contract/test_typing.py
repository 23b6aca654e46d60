"""The application that the type checkers read also runs, and the script that calls them notices a difference."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

import opentracing
from opentracing import Format, Tracer

from ..typing import right
from .tracers import TRACERS


@pytest.mark.parametrize("name", TRACERS)
def test_an_application_that_type_checkers_accept_runs_with_every_tracer(name: str) -> None:
    """An application that the type checkers accept runs with every tracer, in both vocabularies."""
    tracer = TRACERS[name]()
    headers: dict[str, str] = {}
    tracer.inject(tracer.start_span("caller").context, Format.HTTP_HEADERS, headers)
    user = "nobody" if name == "no-op" else "7"

    assert right.primitives(tracer, headers).startswith(user.upper())
    assert user == right.classic(tracer, headers)["user"]


def test_what_is_decorated_constructed_or_subclassed_is_what_the_types_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The values have the types that mypy and pyright have inferred."""
    monkeypatch.setattr(opentracing, "tracer", opentracing.tracer)
    monkeypatch.setattr(opentracing, "is_tracer_registered", False)

    assert (1.5, ["tea"], ["TEA", "TEA"]) == right.decorated()
    assert ["k", "l"] == right.own()[0]
    assert all(span.context is span.trace_context for span in right.constructed())
    assert [2, 3, 1] == right.tested()
    assert True is right.installed(Tracer())


@pytest.fixture
def check_types() -> Any:
    """`scripts/check-types` as a module; its file name is that of a command."""
    loader = SourceFileLoader("check_types", str(Path(__file__).parents[2] / "scripts" / "check-types"))
    spec = spec_from_loader("check_types", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_an_error_that_is_not_marked_and_a_mark_without_an_error_fail(check_types: Any) -> None:
    """The check fails for an error on a line that is not marked, and for a marked line without an error."""
    right_py, wrong_py = check_types.RIGHT, check_types.WRONG
    marked = {(wrong_py, 3): "set_tag", (wrong_py, 5): "None"}

    assert [] == check_types.differences("mypy", {(wrong_py, 3): "no attribute", (wrong_py, 5): "None"}, marked)
    assert [
        "tests/typing/right.py:7: mypy: incompatible",
        "tests/typing/wrong.py:5: mypy finds no error here: None",
    ] == check_types.differences("mypy", {(wrong_py, 3): "no attribute", (right_py, 7): "incompatible"}, marked)
