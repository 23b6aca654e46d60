"""The exceptions that end a block as planned."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from opentracing import planned as of_the_api
from opentracing.planned import is_planned
from opentracing_zipkin import planned as of_the_tracer


@pytest.mark.parametrize(
    ("error", "planned"),
    [
        (GeneratorExit(), True),
        (asyncio.CancelledError(), True),
        (SystemExit(), True),
        (SystemExit(0), True),
        (SystemExit(1), False),
        (SystemExit("could not start"), False),
        (KeyboardInterrupt(), False),
        (ValueError("x"), False),
    ],
)
def test_a_planned_end_is_no_failure(error: BaseException, planned: bool) -> None:
    """A closed generator, a cancelled task and an exit with success are planned ends; every other exception is a failure."""

    assert planned is is_planned(error)


def test_the_api_and_the_tracer_have_the_same_code() -> None:
    """The tracer uses only names that 2.4 has, so it has a copy of this module, and the two never differ."""
    code = [inspect.getsource(module).removeprefix(f'"""{module.__doc__}"""') for module in (of_the_api, of_the_tracer)]

    assert code[0].startswith("\n\nfrom __future__ import annotations")
    assert code[0] == code[1]
