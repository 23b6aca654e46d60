"""The installed packages: all of them use our `opentracing`, and some have parts that do not work with any tracer."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import flask
import pytest
from flask_opentracing import FlaskTracing

import opentracing

HERE = Path(__file__).parent
PACKAGES = dict(line.split("==") for line in (HERE / "packages.txt").read_text().splitlines() if not line.startswith("#"))


def test_the_opentracing_that_is_imported_is_this_projects() -> None:
    """No package has replaced our `opentracing` by the archived one: the files and the version are ours."""
    assert HERE.parents[1] / "opentracing" / "__init__.py" == Path(opentracing.__file__).resolve()
    assert version("opentracing").startswith("2.5.")
    assert hasattr(opentracing, "TraceContextSource")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_the_one_that_is_listed(package: str) -> None:
    """The installed release of each package is the one in packages.txt."""
    assert PACKAGES[package] == version(package)


class Limit(NamedTuple):
    """A part of a package that fails on every Python from 3.10 to 3.13, with any tracer."""

    part: str
    reason: str
    fails: Callable[[], None]


def _basictracer_binary() -> None:
    with pytest.raises(TypeError):
        importlib.import_module("basictracer.wire_pb2")


def _flask_in_parallel() -> None:
    app = flask.Flask("parallel")
    tracing = FlaskTracing(opentracing.Tracer(), trace_all_requests=False, app=app)
    contexts = [app.test_request_context("/") for _ in range(50)]
    for context in contexts:
        context.push()
        tracing._before_request_fn([])
    for context in reversed(contexts):
        context.pop()

    assert len(contexts) > len(tracing._current_scopes)


LIMITS = [
    Limit(
        "basictracer's binary format (register_required_propagators)",
        "its generated wire_pb2 is of protobuf 2, which no protobuf of today takes",
        _basictracer_binary,
    ),
    Limit(
        "Flask-OpenTracing with several requests at a time in one process",
        "its scopes are in a dict whose only key object is the proxy flask.request: one overwrites another now and then, "
        "and the span that was overwritten is never finished",
        _flask_in_parallel,
    ),
]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.part.split()[0])
def test_what_cannot_run_still_cannot(limit: Limit) -> None:
    """Each known limit of a package still exists; if one disappears, the package needs more tests here."""
    limit.fails()
