"""OpenTelemetry's instrumentations beside ours: they are found, chosen, switched on with their library, and listed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opentracing_zipkin.instrument import registry
from opentracing_zipkin.instrument.by_opentelemetry import OUR_NAMES, disabled_names, find

# A library, and an instrumentation of it in the shape of OpenTelemetry's.
PARCELS = """
class Client:
    def send(self, name):
        return name
"""
INSTRUMENTOR = """
import parcels
from opentelemetry import trace
class ParcelsInstrumentor:
    _instance = None
    is_instrumented_by_opentelemetry = False
    def __new__(cls):
        cls._instance = cls._instance or object.__new__(cls)
        return cls._instance
    def _check_dependency_conflicts(self):
        return CONFLICT
    def instrument(self, skip_dep_check=False):
        if FAULT:
            raise FAULT
        self.is_instrumented_by_opentelemetry = True
        tracer, send = trace.get_tracer("parcels_otel", "1.0"), parcels.Client.send
        def traced(client, name):
            with tracer.start_as_current_span("send", kind=trace.SpanKind.CLIENT):
                return send(client, name)
        parcels.Client.send = traced
        self.send = send
    def uninstrument(self):
        parcels.Client.send = self.send
        self.is_instrumented_by_opentelemetry = False
"""


def environment_of(folder: Path, conflict: str = "None", fault: str = "None") -> Path:
    """A folder as `pip` leaves it, with the library and its instrumentation."""
    (folder / "parcels.py").write_text(PARCELS)
    (folder / "parcels_otel.py").write_text(f"CONFLICT, FAULT = {conflict}, {fault}\n{INSTRUMENTOR}")
    info = folder / "opentelemetry_instrumentation_parcels-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[opentelemetry_environment_variables]\nparcels = parcels_otel\n\n"
        "[opentelemetry_instrumentor]\nparcels = parcels_otel:ParcelsInstrumentor\nflask = parcels_otel:Flask\n"
    )
    return folder


def printed(folder: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,  # not the checkout, which may contain the metadata of an installation of ours
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


ONE_LINE = """
import sys
import opentracing_zipkin
from opentracing_zipkin.testing import InMemoryRecorder
recorder = InMemoryRecorder()
tracer = opentracing_zipkin.configure("shop", recorder=recorder, instrument=True)
print(*[name for name in ("parcels", "opentelemetry") if name in sys.modules])
import parcels
with tracer.start_active_span("work"):
    print(parcels.Client().send("book"))
print(*[(span.name, span.kind, span.parent_id is not None) for span in recorder.spans])
print("opentelemetry.sdk" in sys.modules)
"""


@pytest.fixture
def others() -> Iterator[dict[str, Any]]:
    """The instrumentations of OpenTelemetry that the registry knows; the fixture restores them afterwards."""
    before = dict(registry._of_opentelemetry)
    yield registry._of_opentelemetry
    registry._of_opentelemetry.clear()
    registry._of_opentelemetry.update(before)


def test_a_library_that_we_have_none_for_is_traced_by_opentelemetrys(tmp_path: Path) -> None:
    """Where ours is missing, `configure` uses OpenTelemetry's on the library's import, in our trace and without the SDK."""
    output = printed(environment_of(tmp_path), "-c", ONE_LINE)

    assert "\nbook\n('send', 'CLIENT', True) ('work', None, False)\nFalse\n" == output


def test_the_command_traces_it_without_a_line(tmp_path: Path) -> None:
    """`run` traces the library, also where the program calls `configure` itself later."""
    program = environment_of(tmp_path) / "program.py"
    program.write_text(
        "import parcels\nfrom opentracing_zipkin import configure\nfrom opentracing_zipkin.testing import InMemoryRecorder\n"
        "recorder = InMemoryRecorder()\nconfigure('shop', recorder=recorder)\nparcels.Client().send('book')\n"
        "print(*[span.name for span in recorder.spans])\n"
    )

    assert "send\n" == printed(tmp_path, "-m", "opentracing_zipkin", "run", "python", str(program))


USING = """
from opentracing_zipkin import configure
from opentracing_zipkin.testing import InMemoryRecorder
recorder = InMemoryRecorder()
configure("shop", recorder=recorder, instrument=True)
import {module}
{module}.{call}("book")
print([span.name for span in recorder.spans])
"""


def test_what_a_module_makes_while_it_is_imported_is_traced(tmp_path: Path) -> None:
    """A library is instrumented as soon as it is imported, because modules make engines, channels and producers on import."""
    (environment_of(tmp_path) / "stock.py").write_text("import parcels\nsend = parcels.Client().send\n")

    assert "['send']\n" == printed(tmp_path, "-c", USING.format(module="stock", call="send"))


def test_what_an_instrumentation_needs_may_be_half_imported(tmp_path: Path) -> None:
    """An instrumentation that needs a half-imported module is tried again when all imports have ended."""
    (environment_of(tmp_path) / "stock.py").write_text("import parcels\nSHELF = 1\nclient = parcels.Client()\n")
    instrumentation = tmp_path / "parcels_otel.py"
    instrumentation.write_text("from stock import SHELF\n" + instrumentation.read_text())

    assert "['send']\n" == printed(tmp_path, "-c", USING.format(module="stock", call="client.send"))


@pytest.mark.parametrize(
    ("variable", "value", "is_traced"),
    [
        ("ZIPKIN_INSTRUMENT", "parcels", True),
        ("ZIPKIN_INSTRUMENT", "flask", False),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "redis, parcels", False),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "*", False),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "redis", True),
    ],
)
def test_the_environment_chooses(tmp_path: Path, variable: str, value: str, is_traced: bool) -> None:
    """ZIPKIN_INSTRUMENT chooses libraries, and OTEL_PYTHON_DISABLED_INSTRUMENTATIONS leaves some out."""
    code = ONE_LINE if variable.startswith("OTEL") else ONE_LINE.replace(", instrument=True", "")
    output = printed(environment_of(tmp_path), "-c", code, **{variable: value})

    assert is_traced == ("('send', 'CLIENT', True)" in output)
    assert "\nbook\n" in output


def test_a_program_on_opentelemetrys_sdk_is_left_to_it(tmp_path: Path) -> None:
    """A program with OpenTelemetry's SDK gets one line and no instrumentation, as its provider must be the only one."""
    output = printed(
        environment_of(tmp_path), "-c", ONE_LINE.replace("import parcels\n", "import opentelemetry.sdk.trace, parcels\n")
    )

    assert "('work', None, False)" in output
    assert "the program uses OpenTelemetry's SDK" in output


SDK_LATER = """
import opentracing_zipkin
from opentracing_zipkin.testing import InMemoryRecorder
recorder = InMemoryRecorder()
tracer = opentracing_zipkin.configure("shop", recorder=recorder, instrument=True)
import parcels
{asked}
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
with tracer.start_active_span("work"):
    print(parcels.Client().send("book"))
print([span.name for span in recorder.spans], type(trace.get_tracer_provider()).__module__)
"""


def test_a_program_that_comes_to_opentelemetrys_sdk_later_is_left_to_it_too(tmp_path: Path) -> None:
    """A program that imports the SDK later can set the SDK's provider, and ours makes no more spans."""
    output = printed(environment_of(tmp_path), "-c", SDK_LATER.format(asked=""))

    assert output.startswith("book\n['work'] opentelemetry.sdk.trace\n")
    assert 1 == output.count("the program uses OpenTelemetry's SDK") == output.count("zipkin: ")


def test_a_program_that_asked_for_our_provider_keeps_it(tmp_path: Path) -> None:
    """A program that has called `otel.install` keeps our provider, and OpenTelemetry says that there is one already."""
    asked = "import opentracing_zipkin.otel; opentracing_zipkin.otel.install()"
    output = printed(environment_of(tmp_path), "-c", SDK_LATER.format(asked=asked))

    assert "Overriding of current TracerProvider is not allowed" in output
    assert "['work'] opentracing_zipkin.otel.provider\n" in output


BY_ITSELF = """
import sys
import parcels, parcels_otel
sys.modules["opentelemetry.instrumentation.{library}"] = parcels_otel  # whose name shows whose it is
def switch_on():
    parcels_otel.ParcelsInstrumentor().instrument()
    parcels_otel.ParcelsInstrumentor._instance._is_instrumented_by_opentelemetry = True
    if "opentracing_zipkin.instrument.registry" in sys.modules:
        sys.modules["opentracing_zipkin.instrument.registry"]._stand_back_late()  # as after each `instrument` of OpenTelemetry's
def configured():
    import flask, opentracing_zipkin
    from opentracing_zipkin.testing import InMemoryRecorder
    return opentracing_zipkin.configure("shop", recorder=InMemoryRecorder(), instrument=["{library}"])
{steps}
from opentelemetry import trace
if {with_sdk}:
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider())
with tracer.start_active_span("work"):
    parcels.Client().send("book")
print([span.name for span in tracer._recorder.spans], type(trace.get_tracer_provider()).__module__)
"""


@pytest.mark.parametrize("with_sdk", [False, True])
@pytest.mark.parametrize("steps", ["switch_on(); tracer = configured()", "tracer = configured(); switch_on()"])
@pytest.mark.parametrize("library", ["parcels", "flask"])
def test_one_that_the_program_switches_on_by_itself_makes_our_spans(
    tmp_path: Path, library: str, steps: str, with_sdk: bool
) -> None:
    """An instrumentation that the program switches on itself makes our spans, in either order; the SDK's provider stays."""
    if library == "parcels" and steps.startswith("tracer"):
        steps = "tracer = configured()"  # `configured` has switched the instrumentation on already
    code = BY_ITSELF.format(library=library, steps=steps, with_sdk=with_sdk)
    output = printed(environment_of(tmp_path), "-c", code)

    expected = "['work'] opentelemetry.sdk.trace\n" if with_sdk else "['send', 'work'] opentracing_zipkin.otel.provider\n"
    assert output.startswith(expected), output


@pytest.mark.parametrize("name", ["SERVICE_NAME=shop", "RESOURCE_ATTRIBUTES=service.name=shop"])
def test_below_the_command_a_program_on_the_sdk_hears_one_line(tmp_path: Path, name: str) -> None:
    """Under `run`, a program with the SDK gets one line and no error from a half-imported module of ours."""
    program = environment_of(tmp_path) / "program.py"
    program.write_text("import opentelemetry.sdk.trace, parcels\nprint(parcels.Client().send('book'))\n")
    variable, _, text = name.partition("=")
    command = ("-m", "opentracing_zipkin", "run", "python", str(program))
    output = printed(tmp_path, *command, **{f"OTEL_{variable}": text})

    assert output.startswith("book\nzipkin: the program uses OpenTelemetry's SDK")
    assert 1 == output.count("zipkin: ")


@pytest.mark.parametrize(
    ("conflict", "fault", "text"),
    [
        ('\'requested: "parcels < 2" but found: "parcels 3"\'', "None", 'requested: "parcels < 2" but found: "parcels 3"'),
        ("None", "ValueError('out of paper')", "ValueError: out of paper"),
    ],
)
def test_one_that_cannot_be_switched_on_is_one_line_and_the_program_goes_on(
    tmp_path: Path, conflict: str, fault: str, text: str
) -> None:
    """An instrumentation that refuses the library's version, or raises, costs one line."""
    output = printed(environment_of(tmp_path, conflict, fault), "-c", ONE_LINE)

    assert (1, 1) == (output.count("zipkin: the hook after the import of"), output.count(text))
    assert "\nbook\n('work', None, False)\n" in output


@pytest.mark.parametrize(
    ("conflict", "variables", "row"),
    [
        ("None", {}, "instrumented by opentelemetry-instrumentation-parcels 1.0"),
        ("'too new'", {}, "not instrumented by opentelemetry-instrumentation-parcels 1.0: too new"),
        ("None", {"ZIPKIN_INSTRUMENT": "flask"}, "not chosen by ZIPKIN_INSTRUMENT"),
        (
            "None",
            {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "parcels"},
            "left out by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        ),
    ],
)
def test_the_list_says_which_and_why(tmp_path: Path, conflict: str, variables: dict[str, str], row: str) -> None:
    """`run --list` has one row for each library; for Flask it names our instrumentation only."""
    output = printed(environment_of(tmp_path, conflict), "-m", "opentracing_zipkin", "run", "--list", **variables)
    rows = {line.split()[0]: line.split(None, 2)[2] for line in output.splitlines()[5:] if len(line.split()) > 2}

    assert row == rows["parcels"]
    assert "opentelemetry" not in rows["flask"]


ODD_NAMES = ["sqlite3", "no.such.module", ".relative", "__main__", "a b", "é", "x" * 300, "a/b", "-", "1"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_list_has_a_row_for_any_name(tmp_path: Path, name: str) -> None:
    """`run --list` has a row for any name and target; for a standard module it shows Python's version."""
    environment_of(tmp_path)
    entry_points = tmp_path / "opentelemetry_instrumentation_parcels-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[opentelemetry_instrumentor]\n{name} = no such: target\n{name} = again:Again\n", encoding="utf-8")
    rows = printed(tmp_path, "-m", "opentracing_zipkin", "run", "--list", PYTHONIOENCODING="utf-8").splitlines()
    [row] = [row for row in rows if row.startswith(f"{name} ")]

    version = ".".join(map(str, sys.version_info[:3])) if name == "sqlite3" else "-"
    assert version == row.removeprefix(name).split()[0]
    assert "opentelemetry-instrumentation-parcels 1.0" in row


def test_the_list_names_the_deprecated_exporter_where_that_is_found_first(tmp_path: Path) -> None:
    """`run --list` names the other package whose exporter OpenTelemetry finds first."""
    info = tmp_path / "opentelemetry_exporter_zipkin_json-1.45.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: opentelemetry-exporter-zipkin-json\nVersion: 1.45.1\n")
    (info / "entry_points.txt").write_text("[opentelemetry_traces_exporter]\nzipkin_json = opentelemetry.exporter:Zipkin\n")
    output = printed(tmp_path, "-m", "opentracing_zipkin", "run", "--list")

    assert "OTEL_TRACES_EXPORTER=zipkin_json is the exporter of opentelemetry-exporter-zipkin-json" in output
    assert "OTEL_TRACES_EXPORTER=zipkin is" not in output


def test_a_folder_that_is_broken_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing entry points, undecodable bytes, lines without a value and missing folders are skipped."""
    for name, content in {"a": None, "b": b"\xff\xfe", "c": b"[opentelemetry_instrumentor]\nno value\n= x\n"}.items():
        info = tmp_path / f"opentelemetry_instrumentation_{name}-1.dist-info"
        info.mkdir()
        if content is not None:
            (info / "entry_points.txt").write_bytes(content)
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "none"), ""])

    assert [] == [library.name for library in find(lambda: None) if library.name]


def test_names_of_opentelemetry_disable_ours(others: dict[str, Any]) -> None:
    """A name of OpenTelemetry's that is disabled leaves out our library, too; a list of names in code is used as it is."""
    off = disabled_names("aiohttp-client, threading,requests")

    assert set(registry.BY_DEFAULT) - {"aiohttp", "requests"} == set(registry.chosen_by(True, off)) - set(others)
    assert ("requests",) == registry.chosen_by(["requests"], off)


def test_a_name_of_opentelemetrys_stands_for_one_of_ours() -> None:
    """Each name of OpenTelemetry's that we map stands for one of our own names."""
    assert set(OUR_NAMES.values()) <= set(registry.NAMES)


OLD_API = "opentelemetry-api 1.30.0 is too old; install 1.38 or newer"


def old_api(folder: Path) -> dict[str, str]:
    """The environment of interpreters that find an old version of OpenTelemetry's API."""
    site = folder / "old"
    site.mkdir()
    (site / "sitecustomize.py").write_text("from opentelemetry import version\nversion.__version__ = '1.30.0'\n")
    return {"PYTHONPATH": os.pathsep.join((str(site), str(folder)))}


def test_the_list_tells_that_the_api_is_too_old(tmp_path: Path) -> None:
    """`run --list` tells that the bridge refuses an old API, so OpenTelemetry's instrumentations trace nothing."""
    output = printed(environment_of(tmp_path), "-m", "opentracing_zipkin", "run", "--list", **old_api(tmp_path))
    [line] = [line for line in output.splitlines() if line.startswith("parcels")]

    assert line.endswith(f"not instrumented by opentelemetry-instrumentation-parcels 1.0: {OLD_API}")


def test_the_doctor_tells_that_the_api_is_too_old(tmp_path: Path) -> None:
    """The doctor has one warning about an old API, and it does not say that the library would be traced."""
    variables = {**old_api(tmp_path), "ZIPKIN_ENDPOINT": "http://127.0.0.1:9", "ZIPKIN_SERVICE_NAME": "shop"}
    output = printed(environment_of(tmp_path), "-m", "opentracing_zipkin", "doctor", "--json", **variables)
    found = {finding["code"]: finding["text"] for finding in json.loads(output)["findings"]}

    assert OLD_API in found["old-opentelemetry-api"]
    assert ": parcels" in found["old-opentelemetry-api"]
    assert "parcels" not in found["would-trace"]
    assert "not-instrumented" not in found


def test_a_program_says_once_that_the_api_is_too_old(tmp_path: Path) -> None:
    """The program runs, one line says why, and the registry's state is the same as the text of `run --list`."""
    program = environment_of(tmp_path) / "program.py"
    program.write_text(
        "import opentracing_zipkin, opentracing_zipkin.instrument.registry as registry\n"
        "opentracing_zipkin.configure('shop', instrument=True, endpoint='http://127.0.0.1:9')\n"
        "import parcels\nprint(parcels.Client().send('book'))\nprint(registry.state('parcels'))\n"
    )
    output = printed(tmp_path, str(program), **old_api(tmp_path))

    state = f"not instrumented by opentelemetry-instrumentation-parcels 1.0: {OLD_API}"

    assert ["book", state, f"zipkin: OpenTelemetry's spans are not recorded: {OLD_API}"] == output.splitlines()
