"""`opentelemetry-instrument` with our provider: two options trace an application without any tracing code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .processes import PROJECT

APP = """
import sys, threading
import flask, requests
from werkzeug.serving import make_server

app = flask.Flask("shop")

@app.route("/buy/<article>")
def buy(article):
    return requests.get(f"http://127.0.0.1:{server.port}/stock/{article}", timeout=5).text

@app.route("/stock/<article>")
def stock(article):
    return "3"

server = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
import urllib.request
assert b"3" == urllib.request.urlopen(f"http://127.0.0.1:{server.port}/buy/tea").read()
server.shutdown()
print(sorted(name for name in sys.modules if name.startswith("opentelemetry.sdk.trace")))
"""
# The entry point of opentelemetry-distro: the SDK's configurator, which sets its own provider.
DISTRO = "[opentelemetry_configurator]\nconfigurator = opentelemetry.sdk._configuration:_OTelSDKConfigurator\n"


def instrumented(folder: Path, environment: Mapping[str, str], *options: str) -> tuple[list[FinishedSpan], str, str]:
    """The spans that arrived, and the application's output and log."""
    program = folder / "shop.py"
    program.write_text(APP)
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("OTEL_", "ZIPKIN_"))}
    with Collector() as collector:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "opentelemetry-instrument"), *options, sys.executable, "-W", "ignore", str(program)],
            env={**clean, "PYTHONPATH": f"{PROJECT}:{folder}", "ZIPKIN_ENDPOINT": collector.url, **environment},
            capture_output=True, text=True, timeout=50,
        )  # fmt: skip
        spans = [span for trace in collector.store.traces() for span in trace]

    assert 0 == done.returncode, done.stderr
    return spans, done.stdout, done.stderr


def check(spans: list[FinishedSpan]) -> None:
    """Check that the trace has a request of urllib, and below it all calls of the shop."""
    client, server, call, stock = (
        next(span for span in spans if (span.kind, span.name) == wanted)
        for wanted in (
            ("CLIENT", "get"),
            ("SERVER", "get /buy/<article>"),
            ("CLIENT", "get"),
            ("SERVER", "get /stock/<article>"),
        )
    )
    calls = [span for span in spans if span.kind == "CLIENT"]

    assert {client.trace_id} == {span.trace_id for span in spans}
    assert {server.span_id, stock.span_id} <= {span.span_id for span in calls}
    assert {"shop"} == {span.local.service_name for span in spans if span.local}
    assert call.tags["http.method"] == "GET"


WITHOUT = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "urllib3"}  # it would add a span below each of requests'


def test_two_options_are_enough(tmp_path: Path) -> None:
    """Without a distro, two options give B3 between the services and spans on our collector, without the SDK's tracing."""
    spans, printed, _ = instrumented(
        tmp_path, {**WITHOUT, "OTEL_SERVICE_NAME": "shop"}, "--tracer_provider", "zipkin", "--propagators", "zipkin_b3"
    )

    check(spans)
    assert "[]" == printed.strip()


def test_two_variables_are_enough(tmp_path: Path) -> None:
    """OTEL_PYTHON_TRACER_PROVIDER and OTEL_PROPAGATORS have the same effect as the two options."""
    chosen = {"OTEL_PYTHON_TRACER_PROVIDER": "zipkin", "OTEL_PROPAGATORS": "zipkin_b3"}
    spans, printed, _ = instrumented(tmp_path, {**WITHOUT, **chosen, "OTEL_SERVICE_NAME": "shop"})

    check(spans)
    assert "[]" == printed.strip()


@pytest.mark.parametrize("switched_off", [True, False])
def test_beside_the_sdks_configurator(tmp_path: Path, switched_off: bool) -> None:
    """With opentelemetry-distro the SDK sets its provider first, unless OTEL_PYTHON_CONFIGURATOR is none."""
    information = tmp_path / "distro-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: distro\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(DISTRO)
    more = {"OTEL_PYTHON_CONFIGURATOR": "none"} if switched_off else {"OTEL_TRACES_EXPORTER": "none"}
    spans, _, said = instrumented(
        tmp_path, {**WITHOUT, **more, "OTEL_SERVICE_NAME": "shop"}, "--tracer_provider", "zipkin", "--propagators", "zipkin_b3"
    )

    if switched_off:
        check(spans)
    else:
        assert [] == spans, said


def test_without_a_name_the_service_is_unknown(tmp_path: Path) -> None:
    """Without a service name the application runs, with one warning."""
    spans, _, said = instrumented(tmp_path, WITHOUT, "--tracer_provider", "zipkin", "--propagators", "zipkin_b3")

    assert {"unknown_service"} == {span.local.service_name for span in spans if span.local}
    assert 1 == said.count("the service has no name, and is called unknown_service")


def test_a_wrong_variable_stops_no_application(tmp_path: Path) -> None:
    """A wrong variable does not stop the application; one line says that nothing is traced, and why."""
    spans, _, said = instrumented(
        tmp_path, {**WITHOUT, "ZIPKIN_SAMPLE_RATE": "ten"}, "--tracer_provider", "zipkin", "--propagators", "zipkin_b3"
    )

    assert [] == spans
    assert 1 == said.count("zipkin: OpenTelemetry's spans are not recorded: environment variable ZIPKIN_SAMPLE_RATE is 'ten'")
