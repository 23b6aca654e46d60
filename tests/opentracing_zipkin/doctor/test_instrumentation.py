"""The libraries that would be traced without a line of code, as `run --list` shows them, too."""

from __future__ import annotations

import importlib.metadata

import pytest

from opentracing_zipkin.doctor import configuration
from opentracing_zipkin.doctor.instrumentation import check_instrumentation, rows_of
from opentracing_zipkin.doctor.report import Finding
from opentracing_zipkin.instrument.opentelemetry_api import version_problem
from opentracing_zipkin.instrument.registry import LIBRARIES


def examined() -> list[Finding]:
    found, _ = configuration.read()
    return list(check_instrumentation(found, rows_of(found.libraries)))


def test_libraries_that_would_be_traced_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that are installed and chosen are named."""
    monkeypatch.setenv("ZIPKIN_INSTRUMENT", "flask,requests")
    [finding] = examined()

    assert ("ok", "would-trace") == (finding.status, finding.code)
    assert "would trace: flask, requests;" in finding.text


def test_none_that_would_be_traced_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no library would be traced, a warning names the variable that causes it."""
    monkeypatch.setenv("ZIPKIN_INSTRUMENT", "false")
    [finding] = examined()

    assert ("warning", "would-trace-none") == (finding.status, finding.code)
    assert "ZIPKIN_INSTRUMENT says so" in finding.text


def test_a_library_that_cannot_be_instrumented_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that cannot be instrumented, for instance because it is too old, is a warning; the others are traced."""

    def too_old() -> None:
        raise ImportError("cannot import name 'Flask'")

    monkeypatch.setattr(LIBRARIES["flask"], "load", too_old)
    monkeypatch.setenv("ZIPKIN_INSTRUMENT", "flask,requests")
    traced, finding = examined()

    assert "would trace: requests;" in traced.text
    assert ("warning", "not-instrumented") == (finding.status, finding.code)
    assert "ImportError: cannot import name 'Flask'" in finding.text


@pytest.mark.parametrize("name", [name for name, library in LIBRARIES.items() if library.distribution is not None])
def test_a_library_whose_instrumentation_fails_is_a_warning(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each library's instrumentation is tried, because it may fail although our module can be imported."""

    def refuse(*_: object) -> None:
        raise RuntimeError("signals are missing")

    monkeypatch.setattr(LIBRARIES[name].load(), "install", refuse)
    monkeypatch.setenv("ZIPKIN_INSTRUMENT", name)
    _, finding = examined()

    assert ("warning", "not-instrumented") == (finding.status, finding.code)
    assert "RuntimeError: signals are missing" in finding.text


@pytest.mark.parametrize(("version", "code"), [("0.0.9", "untried-version"), ("999.0", None)])
@pytest.mark.parametrize("name", [name for name, library in LIBRARIES.items() if library.oldest is not None])
def test_a_version_that_was_not_tried_is_a_warning(
    name: str, version: str, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that is older than the oldest version that was tried is traced, with a warning that names that version."""
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    monkeypatch.setenv("ZIPKIN_INSTRUMENT", name)
    traced, *others = examined()

    assert f"would trace: {name};" in traced.text
    assert [code] * bool(code) == [finding.code for finding in others]
    assert all(f"{name} {version} is older than {LIBRARIES[name].oldest}" in finding.text for finding in others)


def test_an_old_api_of_opentelemetry_is_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that an old opentelemetry-api leaves untraced are named in one warning, and not as traced."""
    monkeypatch.setattr("opentelemetry.version.__version__", "1.30.0")
    monkeypatch.setenv("ZIPKIN_INSTRUMENT", "flask")
    found, _ = configuration.read()
    state = f"not instrumented by opentelemetry-instrumentation-x 1.0: {version_problem()}"
    traced, finding = check_instrumentation(found, [*rows_of(found.libraries), ("sqlite3", "3", state), ("redis", "5", state)])

    assert ("ok", "would-trace") == (traced.status, traced.code)
    assert ("warning", "old-opentelemetry-api") == (finding.status, finding.code)
    assert "opentelemetry-api 1.30.0 is too old; install 1.38 or newer" in finding.text
    assert finding.text.endswith(": sqlite3, redis")


def test_an_exporter_of_others_that_is_found_first_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package's exporter that is found first is a warning, because OpenTelemetry's SDK would send with it."""
    other = importlib.metadata.EntryPoint("zipkin", "other.package:Exporter", "opentelemetry_traces_exporter")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [other])
    found = [finding for finding in examined() if finding.code == "exporter-of-others"]

    assert 3 == len(found)
    assert "OTEL_TRACES_EXPORTER=zipkin is the exporter of other.package:Exporter" in found[0].text
