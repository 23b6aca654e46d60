"""The registry instruments libraries by name, when they are imported, and stands back for other instrumentations."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import flask
import pytest
import requests.adapters

import opentracing
from opentracing_zipkin import ZipkinTracer, configure
from opentracing_zipkin.instrument import http, other_instrumentations, registry
from opentracing_zipkin.instrument.other_instrumentations import PACKAGES, other_instrumentation
from opentracing_zipkin.instrument.registry import BY_DEFAULT, LIBRARIES, NAMES, state
from opentracing_zipkin.testing import InMemoryRecorder


@pytest.fixture(autouse=True)
def _nothing_installed(no_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(other_instrumentations, "_logged", set())
    yield
    registry.uninstall()
    http.DEFAULT.update(excluded_paths=(), trust_forwarded=False)
    http.DEFAULT.on_shutdown = None


# The table of libraries


@pytest.mark.parametrize("name", NAMES)
def test_every_library_of_the_table_has_a_module_of_ours(name: str) -> None:
    """Each library of the table has a module of ours with `install` and `uninstall`."""
    module = LIBRARIES[name].load()

    assert f"opentracing_zipkin.instrument.{name}" == module.__name__
    assert callable(module.install)
    assert callable(module.uninstall)


def test_threads_are_left_out_of_all() -> None:
    """BY_DEFAULT leaves threads out, because a library's own submissions would carry spans that nobody expects there."""

    assert set(NAMES) - {"threads"} == set(BY_DEFAULT)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("urllib", "celery")])
def test_the_trigger_of_a_library_is_a_top_level_package(name: str) -> None:
    """A trigger is a top-level package, which is complete when its hook is called; urllib and celery are the exceptions."""

    assert "." not in LIBRARIES[name].trigger
    assert importlib.util.find_spec(LIBRARIES[name].trigger) is not None


# The choice of libraries


CHOSEN: dict[str, tuple[Any, tuple[str, ...]]] = {
    "all": (True, BY_DEFAULT),
    "none": (False, ()),
    "a list": (["flask", "requests"], ("flask", "requests")),
    "one that is off by default": (("threads",), ("threads",)),
    "an empty list": ([], ()),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_a_setting_stands_for_names(case: str) -> None:
    """True stands for all libraries except those that are off by default."""
    setting, expected = CHOSEN[case]

    assert expected == registry.chosen_by(setting)


WRONG: dict[str, tuple[Any, str]] = {
    "unknown": (["flsk"], "instrument has 'flsk'; use names of flask, django"),
    "text": ("flask", "instrument is 'flask'; use True, False or a list"),
    "a number": (1, "instrument is 1; use True, False or a list"),
    "a list of others": ([flask], "use True, False or a list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_choice_raises_with_the_remedy(case: str) -> None:
    """A wrong `instrument` raises ValueError with the remedy, and the global tracer stays the same."""
    value, message = WRONG[case]
    before = opentracing.tracer
    with pytest.raises(ValueError, match=r"^instrument") as raised:
        configure("shop", instrument=value)

    assert message in str(raised.value)
    assert before is opentracing.tracer


WRONG_VARIABLES = {
    "ZIPKIN_INSTRUMENT": ("flask,flsk", "has 'flsk'; use names of flask, django"),
    "ZIPKIN_HTTP_EXCLUDED_PATHS": ("health", "has 'health'; a path begins with a slash"),
    "ZIPKIN_HTTP_TRUST_FORWARDED": ("maybe", "is 'maybe'; use true or false"),
}


@pytest.mark.parametrize("variable", WRONG_VARIABLES)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A wrong variable raises ValueError that names it, with its value and the remedy."""
    text, message = WRONG_VARIABLES[variable]
    monkeypatch.setenv(variable, text)
    with pytest.raises(ValueError, match=f"^environment variable {variable} ") as raised:
        configure("shop")

    assert message in str(raised.value)


# The installation


def is_instrumented(name: str) -> bool:
    target = {"flask": flask.Flask.wsgi_app, "requests": requests.adapters.HTTPAdapter.send}[name]
    return hasattr(target, "__wrapped__")


@pytest.mark.parametrize("text", ["flask,requests", "flask", "", "false", "no", " requests , "])
def test_the_environment_chooses_what_is_instrumented(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """ZIPKIN_INSTRUMENT takes names, true or false; without it nothing is instrumented."""
    monkeypatch.setenv("ZIPKIN_INSTRUMENT", text)
    configure("shop")

    assert {name: name in text for name in ("flask", "requests")} == {
        name: is_instrumented(name) for name in ("flask", "requests")
    }


def test_an_argument_counts_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument `instrument` outranks the environment, also when it is False."""
    monkeypatch.setenv("ZIPKIN_INSTRUMENT", "flask")
    configure("shop", instrument=False)

    assert not is_instrumented("flask")


@pytest.mark.parametrize("enabled", [True, False])
def test_what_is_imported_already_is_instrumented_at_once(enabled: bool) -> None:
    """An imported library is instrumented at once, also by a disabled tracer, which may be enabled later."""
    configure("shop", instrument=["flask", "requests"], enabled=enabled)

    assert "instrumented" == state("flask") == state("requests")
    assert is_instrumented("flask")


def test_twice_is_once() -> None:
    """A second installation of a library replaces nothing again."""
    configure("shop", instrument=["flask"])
    before = flask.Flask.wsgi_app
    registry.install(["flask"])

    assert before is flask.Flask.wsgi_app


def test_uninstalling_puts_everything_back() -> None:
    """`uninstall` puts everything back, and a library that is imported later is left alone."""
    before = flask.Flask.wsgi_app, requests.adapters.HTTPAdapter.send
    registry.install(["flask", "requests", "celery"])
    registry.uninstall()

    assert before == (flask.Flask.wsgi_app, requests.adapters.HTTPAdapter.send)
    assert "not chosen" == state("celery")


def printed(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("order", ["before", "after"])
def test_one_line_instruments_what_is_imported_before_and_after_it(order: str) -> None:
    """A request to Flask that calls `requests` is one trace of two spans, whatever is imported first."""
    configured = "recorder = InMemoryRecorder()\nconfigure('shop', recorder=recorder, instrument=['flask', 'requests'])\n"
    code = f"""
from opentracing_zipkin import configure
from opentracing_zipkin.testing import InMemoryRecorder
{configured if order == "before" else ""}
import flask, requests, responses
{configured if order == "after" else ""}
app = flask.Flask("shop")
@app.get("/buy/<article>")
def buy(article):
    return requests.get("http://bank/pay").text
with responses.RequestsMock() as mocked:
    mocked.get("http://bank/pay", "paid")
    print(app.test_client().get("/buy/tea").text)
print(*[span.name.upper() for span in recorder.spans], len({{span.trace_id for span in recorder.spans}}))
"""

    assert "paid\nGET GET /BUY/{ARTICLE} 1\n" == printed(code)


def test_a_library_that_fails_is_one_line_and_the_program_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library that cannot be instrumented has the reason as its state; the others are instrumented."""

    def load() -> ModuleType:
        raise ImportError("too old")

    monkeypatch.setattr(LIBRARIES["requests"], "load", load)
    followed: list[str] = []
    registry.install(["requests", "flask"], followed.append)

    assert "failed: ImportError: too old" == state("requests")
    assert "instrumented" == state("flask")
    assert ["requests", "flask"] == followed
    assert (
        "zipkin: the hook after the import of requests raised ImportError: too old; the program goes on\n"
        == capsys.readouterr().err
    )


def test_a_table_entry_imports_no_library() -> None:
    """`configure(instrument=True)` imports no library that the program has not imported."""
    code = """
import sys
before = set(sys.modules)
from opentracing_zipkin.instrument import registry
registry.install(registry.NAMES)
print(*[name for name in set(sys.modules) - before if not name.startswith("opentracing_zipkin")])
"""

    assert "" == printed(code).replace("__future__", "").strip()


# Instrumentations of others


class Instrumentor:
    """The parts that every instrumentor of OpenTelemetry has."""

    _instance: Any = None
    _is_instrumented_by_opentelemetry = False

    def instrument(self) -> str:
        """Switch the instrumentation on."""
        type(self)._instance = self
        self._is_instrumented_by_opentelemetry = True
        return "result"


def opentelemetry(name: str, is_active: bool) -> ModuleType:
    module = ModuleType(f"opentelemetry.instrumentation.{name}")
    kind = type("FlaskInstrumentor", (Instrumentor,), {})
    module.__dict__.update(BaseInstrumentor=Instrumentor, FlaskInstrumentor=kind)
    if is_active:
        kind().instrument()
    return module


OTHERS = {name: {"aiohttp": "aiohttp_client"}.get(name, name) for name in NAMES if name not in ("logging", "threads")}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("is_active", [True, False])
def test_opentelemetrys_instrumentation_of_a_library_is_seen(
    monkeypatch: pytest.MonkeyPatch, name: str, is_active: bool
) -> None:
    """OpenTelemetry's instrumentation counts when it is switched on, not when it is only loaded."""
    module = opentelemetry(OTHERS[name], is_active)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    assert {name: module.__name__ if is_active else None} == {name: other_instrumentation(name)}


ALONG = {"starlette": ("fastapi",)}  # an instrumentation of Starlette traces FastAPI, too


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_for_opentracing_is_seen(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """An instrumentation package for OpenTracing counts as soon as it is loaded."""
    library = PACKAGES[package]

    assert other_instrumentation(library) is None
    monkeypatch.setitem(sys.modules, package, ModuleType(package))
    assert package == other_instrumentation(library)
    assert {library, *ALONG.get(library, ())} == {name for name in NAMES if other_instrumentation(name)}


@pytest.mark.parametrize("name", ["logging", "threads"])
def test_what_makes_no_spans_stands_back_for_nobody(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """logging and threads never stand back; a format with `%(trace_id)s` would raise without our names for the ids."""
    module = opentelemetry({"threads": "threading"}.get(name, name), is_active=True)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    assert other_instrumentation(name) is None


def test_requests_stands_back_for_who_instruments_urllib3(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests and urllib3 both stand back where another package traces urllib3, through which all requests of requests go."""
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.urllib3", opentelemetry("urllib3", is_active=True))

    assert ["requests", "urllib3"] == [name for name in NAMES if other_instrumentation(name)]


@pytest.mark.parametrize(
    "name", ["flask", "django", "fastapi", "starlette", "requests", "httpx", "urllib3", "urllib", "aiohttp", "celery"]
)
def test_a_module_alone_stands_back_as_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """`install` of a single module replaces nothing where another instrumentation is active."""
    module = opentelemetry(OTHERS[name], is_active=True)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    ours = LIBRARIES[name].load()
    ours.install()

    assert {f"zipkin: {name} is instrumented by {module.__name__} already; this package does not instrument it"} == {
        record.getMessage() for record in caplog.records
    }
    assert name not in ("flask", "requests") or not is_instrumented(name)


def test_ours_stands_back_and_says_so_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Our instrumentation stands back for one library and says so once; other libraries are instrumented."""
    monkeypatch.setitem(sys.modules, "flask_opentracing", ModuleType("flask_opentracing"))
    registry.install(["flask", "requests"])
    registry.uninstall()
    registry.install(["flask", "requests"])

    assert not is_instrumented("flask")
    assert is_instrumented("requests")
    assert "instrumented by flask_opentracing" == state("flask")
    assert ["zipkin: flask is instrumented by flask_opentracing already; this package does not instrument it"] == [
        record.getMessage() for record in caplog.records
    ]


LATER = {
    "a package for OpenTracing": ({"flask_opentracing": ""}, "import flask_opentracing"),
    "OpenTelemetry": (
        {
            "opentelemetry.instrumentation.instrumentor": """
class BaseInstrumentor:
    _instance = None
    _is_instrumented_by_opentelemetry = False
    def instrument(self, **settings):
        type(self)._instance = self
        self._is_instrumented_by_opentelemetry = True
        return settings
""",
            "opentelemetry.instrumentation.flask": """
from .instrumentor import BaseInstrumentor
class FlaskInstrumentor(BaseInstrumentor): pass
""",
        },
        "from opentelemetry.instrumentation.flask import FlaskInstrumentor\nprint(is_instrumented())\nprint(FlaskInstrumentor().instrument(a=1))",
    ),
}


@pytest.mark.parametrize("case", LATER)
def test_ours_stands_back_for_one_that_comes_later(tmp_path: Any, case: str) -> None:
    """Our instrumentation is removed when another one becomes active later, and the other one's results are unchanged."""
    files, code = LATER[case]
    for name, text in files.items():
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    head = """
import flask
from opentracing_zipkin.instrument import registry
def is_instrumented(): return hasattr(flask.Flask.wsgi_app, "__wrapped__")
registry.install(["flask"])
print(is_instrumented())
"""
    lines = printed(f"{head}{code}\nprint(is_instrumented(), registry.state('flask'))", PYTHONPATH=str(tmp_path)).splitlines()

    assert "True" == lines[0]
    assert f"False instrumented by {[*files][-1]}" in lines
    assert [] == [line for line in lines if "Error" in line]
    assert case != "OpenTelemetry" or lines[1:3] == ["True", "{'a': 1}"]


# The policy that the settings fill


def test_configure_fills_the_default_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """`configure` fills the default policy from the environment and from arguments."""
    monkeypatch.setenv("ZIPKIN_HTTP_EXCLUDED_PATHS", "/health, /internal/*")
    monkeypatch.setenv("ZIPKIN_HTTP_TRUST_FORWARDED", "true")
    configure("shop", http_trust_forwarded=False)

    assert ("/health", "/internal/*") == http.DEFAULT.excluded_paths
    assert False is http.DEFAULT.trust_forwarded


def test_configure_leaves_a_policy_as_it_is_where_nothing_is_said() -> None:
    """`configure` leaves a policy that the code has set as it is, where no setting says otherwise."""
    http.DEFAULT.update(excluded_paths=["/mine"], trust_forwarded=True)
    configure("shop")

    assert (("/mine",), True) == (http.DEFAULT.excluded_paths, http.DEFAULT.trust_forwarded)


def test_a_shutdown_flushes_the_tracer_of_then() -> None:
    """A shutdown flushes the tracer that is global at that moment, not the one at the start."""
    configure("first")
    recorder = Recorder()
    opentracing.set_global_tracer(ZipkinTracer("second", recorder=recorder))
    assert http.DEFAULT.on_shutdown is not None
    http.DEFAULT.on_shutdown()

    assert [1.0] == recorder.flushed


class Recorder(InMemoryRecorder):
    def __init__(self) -> None:
        super().__init__()
        self.flushed: list[float | None] = []

    def flush(self, timeout: float | None = None) -> bool:
        self.flushed.append(timeout)
        return True
