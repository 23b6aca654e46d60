"""The libraries that would be traced without a line of code, and the reasons why others would not be."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence

from ..instrument.opentelemetry_api import version_problem
from ..instrument.registry import Library, state as registry_state
from ..settings import Effective
from .report import OK, WARNING, Finding, Kind

__all__ = ["INSTRUMENTED", "Row", "check_instrumentation", "exporters_of_others", "rows_of"]

_CHECK = "instrumentation"
INSTRUMENTED = "instrumented"
_UNTRIED = "but not tried before version"

Row = tuple[str, str, str]  # a library's name, its version, and whether it would be traced, or why not

WOULD_TRACE = Kind(
    "would-trace",
    OK,
    _CHECK,
    "`opentracing-zipkin run` would trace: {names}; `configure()` traces them only with instrument=True or ZIPKIN_INSTRUMENT",
)
WOULD_TRACE_NONE = Kind(
    "would-trace-none",
    WARNING,
    _CHECK,
    "no library would be traced without a line of code: {reason}",
    "install this package in the application's own environment, and start it with `opentracing-zipkin run`; "
    "`opentracing-zipkin run --list` tells for each library why it is not traced",
)
NOT_INSTRUMENTED = Kind(
    "not-instrumented",
    WARNING,
    _CHECK,
    "{name} {version} is installed and would not be traced: {state}",
    "use a newer {name}, or make its spans in your code: docs/how-to/by-hand.md",
)
OLD_API = Kind(
    "old-opentelemetry-api",
    WARNING,
    _CHECK,
    "OpenTelemetry's spans would not be recorded: {problem}; so these libraries would not be traced: {names}",
    "install a newer opentelemetry-api, together with the instrumentations that belong to it",
)
UNTRIED = Kind(
    "untried-version",
    WARNING,
    _CHECK,
    "{name} {version} is older than {oldest}, the oldest version that we have tried; its spans may be incomplete, or missing",
    "use a newer {name}; docs/how-to/the-command.md lists the oldest versions",
)
EXPORTER_OF_OTHERS = Kind(
    "exporter-of-others",
    WARNING,
    _CHECK,
    "another exporter of OpenTelemetry's is found before ours: {line}",
    "uninstall the package that is found first, if OpenTelemetry's SDK should send with our exporter",
)


def check_instrumentation(found: Effective, rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings on the libraries that `run` would trace; `rows` are from `rows_of`."""
    active = [name for name, _, state in rows if state.startswith(INSTRUMENTED)]
    if active:
        yield WOULD_TRACE(names=", ".join(active))
    else:
        variable = found.variables.get("instrument")
        yield WOULD_TRACE_NONE(reason=f"{variable} says so" if variable else "none that we know can be")
    problem = version_problem()
    without_api = [name for name, _, state in rows if problem and state.endswith(problem)]
    if without_api:
        yield OLD_API(problem=problem, names=", ".join(without_api))
    for name, version, state in rows:
        if state.startswith(f"not {INSTRUMENTED}"):
            if name not in without_api:
                yield NOT_INSTRUMENTED(name=name, version=version, state=state)
        elif state.startswith(f"{INSTRUMENTED}, {_UNTRIED}"):
            yield UNTRIED(name=name, version=version, oldest=state.rpartition(" ")[2])
    for line in exporters_of_others():
        yield EXPORTER_OF_OTHERS(line=line)


def exporters_of_others() -> Iterator[str]:
    """A line for each exporter name of ours for which OpenTelemetry finds another package's exporter first."""
    from importlib.metadata import entry_points

    for name in ("zipkin", "zipkin_json", "zipkin_proto"):
        first = next(iter(entry_points(group="opentelemetry_traces_exporter", name=name)), None)
        if first is not None and not first.value.startswith("opentracing_zipkin."):
            package = first.value if first.dist is None else first.dist.name
            yield f"OTEL_TRACES_EXPORTER={name} is the exporter of {package}, found first; without that package it is ours"


def rows_of(chosen: Sequence[str]) -> list[Row]:
    """One row for each library that we know; `chosen`: the names that the settings select."""
    from importlib.metadata import PackageNotFoundError, version

    from ..instrument.by_opentelemetry import disabled_names
    from ..instrument.registry import libraries

    left_out = disabled_names(os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", ""))
    rows = []
    for name, library in libraries().items():
        if library.instrumented_by is not None:
            rows.append(_row_of_other(name, library, name in chosen, left_out))
            continue
        try:
            found = _python_version() if library.distribution is None else version(library.distribution)
        except PackageNotFoundError:
            rows.append((name, "-", "not installed"))
            continue
        if name in chosen:
            text = _state_of(library, found)
        elif library.by_default:
            text = _reason_left_out(name, left_out)
        else:
            text = f"off by default; name it in ZIPKIN_INSTRUMENT, for instance {name},flask"
        rows.append((name, found, text))
    return rows


def _row_of_other(name: str, library: Library, is_chosen: bool, left_out: tuple[str, ...]) -> Row:
    """The row of a library for which OpenTelemetry's instrumentation is used."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version(name)
    except (PackageNotFoundError, ValueError):  # the library is in the standard library, or in a distribution with another name
        found = _python_version() if library.trigger in sys.stdlib_module_names else "-"
    if not _can_be_found(library.trigger):
        return name, "-", f"not installed; {library.instrumented_by} is"
    if not is_chosen:
        return name, found, _reason_left_out(name, left_out)
    problem = library.problem() or _conflict_of(library)
    state = f"instrumented by {library.instrumented_by}"
    return name, found, state if problem is None else f"not {state}: {problem}"


def _conflict_of(library: Library) -> str | None:
    """The reason why OpenTelemetry's instrumentation cannot trace the installed library; None where it can."""
    try:
        instrumentation = library.load()
        found: str | None = instrumentation.conflict(instrumentation.load()())
    except Exception as fault:
        return f"{type(fault).__name__}: {fault}"
    return found


def _can_be_found(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # the parent package is missing, or the text is no module name
        return False


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _reason_left_out(name: str, left_out: tuple[str, ...]) -> str:
    if name in left_out or "*" in left_out:
        return "left out by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
    return "not chosen by ZIPKIN_INSTRUMENT"


def _state_of(library: Library, found: str) -> str:
    """The state of a library: our module can be installed, or cannot, for instance because the library is too old.

    Our module is installed and removed, because a fault may show only then.
    """
    try:
        module = library.load()
        if registry_state(library.name) != INSTRUMENTED:
            module.install()
            module.uninstall()
    except Exception as fault:
        return f"not {INSTRUMENTED}: {type(fault).__name__}: {fault}"
    if library.oldest is not None and _parts(found) < _parts(library.oldest):
        return f"{INSTRUMENTED}, {_UNTRIED} {library.oldest}"
    return INSTRUMENTED


def _parts(version: str) -> tuple[int, ...]:
    """The first two numbers of a version, by which versions are compared here."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
