"""The pytest plugin: the fixtures `zipkin` and `zipkin_collector`.

    def test_checkout_is_traced(zipkin):
        checkout("teapot")
        zipkin.assert_tree('''
            checkout
              charge the card  CLIENT  -> payment
        ''')

Rules: every run of pytest loads this file where this package is installed.  So it imports nothing of ours until a fixture is
used.  docs/how-to/testing.md shows what the fixtures do.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False  # the same name as in typing
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .collecting import ZipkinCollector
    from .recording import ZipkinRecording

__all__ = ["pytest_addoption", "pytest_configure", "zipkin", "zipkin_collector"]

_INI = "zipkin_unfinished"
_MARKER = (
    "zipkin(unfinished, service_name, **settings): arguments for the fixture `zipkin`; unfinished is the effect of spans that"
    " the test has not finished: error, warn or ignore; settings are those of ZipkinTracer"
)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the setting for the configuration file, and let pytest leave our modules as they are installed."""
    parser.addini(
        _INI, "effect of spans that a test with the fixture `zipkin` has not finished: error, warn or ignore", default="warn"
    )
    # pytest compiles every module of a plugin's distribution anew, to rewrite its `assert`s.  Our modules have no assertions
    # for a test.  Leaving them out saves 0.2 s a run where no bytecode is written (pytest 9.2, Python 3.11, 2026-11).  pytest
    # has no public way to leave them out.
    marked = getattr(pluginmanager.rewrite_hook, "_must_rewrite", None)
    if isinstance(marked, set):
        marked -= {"opentracing", "opentracing_zipkin"}


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def zipkin(request: pytest.FixtureRequest) -> Iterator[ZipkinRecording]:
    """The test's own tracer as the global one; `zipkin.spans` are its finished spans, as objects."""
    from .recording import UNFINISHED, UnfinishedWarning, ZipkinRecording

    given = _given(request)
    where = "@pytest.mark.zipkin" if "unfinished" in given else f"the option {_INI}"
    unfinished = given.pop("unfinished", request.config.getini(_INI))
    if unfinished not in UNFINISHED:
        pytest.fail(f"{where}: unfinished is {unfinished!r}; use {', '.join(UNFINISHED)}", pytrace=False)
    wrong = ""
    try:
        recording = ZipkinRecording(**given).start()
    except (TypeError, ValueError) as error:
        wrong = f"@pytest.mark.zipkin: {error}"
    if wrong:  # outside the except block, so that pytest shows only this text
        pytest.fail(wrong, pytrace=False)
    try:
        yield recording
    finally:
        left = recording.stop(0) if unfinished == "ignore" else recording.stop()
    if left and unfinished == "error":
        pytest.fail("\n".join(left), pytrace=False)
    elif left and unfinished == "warn":
        _warn("; ".join(left), UnfinishedWarning)


def _given(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The arguments of the markers; the nearest marker counts first."""
    given: dict[str, Any] = {}
    for marker in request.node.iter_markers("zipkin"):
        if marker.args:
            pytest.fail(
                f"@pytest.mark.zipkin takes named arguments only, for instance unfinished='error'; got {marker.args[0]!r}",
                False,
            )
        given = {**marker.kwargs, **given}
    return given


def _warn(text: str, category: type[Warning]) -> None:
    import warnings

    warnings.warn(text, category, stacklevel=2)


@pytest.fixture
def zipkin_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[ZipkinCollector]:
    """A collector on a free port, for applications in other processes, which find it by ZIPKIN_ENDPOINT."""
    from .collecting import ZipkinCollector

    missing = ""
    try:
        made = ZipkinCollector()
    except ImportError as error:
        missing = str(error)  # the text tells what to install
    if missing:
        pytest.fail(missing, pytrace=False)
    with made as collector:
        for name, value in collector.environment().items():
            if value is None:
                monkeypatch.delenv(name)
            else:
                monkeypatch.setenv(name, value)
        yield collector
