from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import Endpoint, FinishedSpan
from opentracing_zipkin.otel_exporter import ChosenJson, ChosenProto, Protocol, ZipkinExporter, ZipkinProtoExporter

from ..ports import free_port
from .isolation import clear_settings

TIMEOUT = "OTEL_EXPORTER_ZIPKIN_TIMEOUT"
ENDPOINT = "OTEL_EXPORTER_ZIPKIN_ENDPOINT"
CLASSES = [ZipkinExporter, ZipkinProtoExporter]


@pytest.fixture(autouse=True)
def _nothing_logged_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what was logged once before, and unset all variables."""
    monkeypatch.setattr("opentracing_zipkin.log._topics", set())
    clear_settings(monkeypatch)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def _timeout_of(exporter: Any) -> float:
    found: float = exporter._reporter._sender._failover.max_s
    exporter.shutdown()
    return found


def _urls_of(exporter: Any) -> list[str]:
    found: list[str] = exporter._reporter._sender.urls
    exporter.shutdown()
    return found


def _arrived(collector: Collector, exporter: SpanExporter) -> FinishedSpan:
    """One exported span as it arrives at the collector."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("scope").start_span("get").end()
    provider.shutdown()
    [[span]] = collector.store.traces()
    return span


# The arguments of the deprecated classes


def test_it_takes_the_arguments_of_the_deprecated_json_exporter(collector: Collector) -> None:
    """The arguments have the order and the meaning of the deprecated JSON exporter's, with addresses as text or numbers."""
    number = int(ipaddress.ip_address("2001:db8::c001"))
    exporter = ZipkinExporter(Protocol.V2, f"{collector.url}/api/v2/spans", "192.0.2.9", number, 31313, 256, 5)
    assert (5, 256) == (exporter._reporter._sender._failover.max_s, exporter._tag_limit)  # type: ignore[attr-defined]
    span = _arrived(collector, exporter)

    assert span.local is not None
    assert Endpoint("", "192.0.2.9", "2001:db8::c001", 31313) == span.local._replace(service_name="")


def test_it_takes_the_arguments_of_the_deprecated_proto_exporter(collector: Collector) -> None:
    """The arguments are those of the deprecated proto exporter: the same as for JSON, but without the version."""
    exporter = ZipkinProtoExporter(f"{collector.url}/api/v2/spans", None, "2001:db8::c001", 31313)
    assert "application/x-protobuf" == exporter._reporter._encoder.media_type
    span = _arrived(collector, exporter)

    assert span.local is not None
    assert Endpoint("", "", "2001:db8::c001", 31313) == span.local._replace(service_name="")


def test_version_1_is_json_of_version_1(collector: Collector) -> None:
    """Protocol.V1 sends JSON of version 1 to its own path, whatever version the endpoint names."""
    exporter = ZipkinExporter(Protocol.V1, collector.url, local_node_ipv4="192.0.2.9")
    span = _arrived(collector, exporter)

    assert [f"{collector.url}/api/v1/spans"] == exporter._reporter._sender.urls  # type: ignore[attr-defined]
    assert "get" == span.name


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"version": "v3"}, "version"),
        ({"local_node_ipv4": "2001:db8::1"}, "local_node_ipv4"),
        ({"local_node_ipv6": "192.0.2.1"}, "local_node_ipv6"),
        ({"local_node_ipv4": "host"}, "local_node_ipv4"),
        ({"local_node_port": 99999}, "local_port"),
        ({"timeout": -1}, "send_timeout"),
        ({"max_tag_value_length": -1}, "max_tag_length"),
        ({"endpoint": "localhost"}, "endpoint"),
    ],
)
def test_a_wrong_argument_raises_at_once(given: dict[str, Any], names: str) -> None:
    """A wrong argument raises ValueError, which names it."""
    with pytest.raises(ValueError, match=names):
        ZipkinExporter(**given)


def test_a_session_is_not_used_and_that_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A given session is not used, and one line names the settings to use instead."""
    for _ in range(2):
        ZipkinExporter(session=requests.Session()).shutdown()

    assert 1 == caplog.text.count("does not use session")


@pytest.mark.parametrize("kind", CLASSES)
def test_it_takes_our_own_settings_beside(kind: Any, collector: Collector) -> None:
    """Our own settings of sending and reporting are accepted as keyword arguments."""
    exporter = kind(endpoint=collector.url, headers={"x-tenant": "a"}, flush_interval=60, debug=True)

    assert _arrived(collector, exporter).debug


# The environment


@pytest.mark.parametrize("kind", [*CLASSES, ChosenJson, ChosenProto])
def test_the_endpoint_is_an_argument_or_one_of_two_variables(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument wins over ZIPKIN_ENDPOINT, that over OpenTelemetry's variable, and that over the default."""
    found = [_urls_of(kind())]
    monkeypatch.setenv(ENDPOINT, "http://a.example:9411/api/v2/spans")
    found.append(_urls_of(kind()))
    monkeypatch.setenv("ZIPKIN_ENDPOINT", "http://b.example:9411")
    found.append(_urls_of(kind()))
    found.append(_urls_of(kind(endpoint="http://c.example:9411")))

    hosts = ("localhost", "a.example", "b.example", "c.example")
    assert [[f"http://{host}:9411/api/v2/spans"] for host in hosts] == found


@pytest.mark.parametrize(("text", "seconds"), [("5", 5.0), ("10", 10.0), ("999", 999.0), ("1000", 1.0), ("10000", 10.0)])
def test_a_time_out_below_1000_is_in_seconds(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 1000 the value is in seconds, as for the deprecated exporter; from 1000 on it is in milliseconds, as specified."""
    monkeypatch.setenv(TIMEOUT, text)

    assert seconds == _timeout_of(ZipkinExporter())


def test_a_time_out_in_seconds_is_logged_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A value in seconds is logged once, together with the milliseconds to write; a value in milliseconds is not logged."""
    monkeypatch.setenv(TIMEOUT, "10000")
    _timeout_of(ChosenProto())
    assert "" == caplog.text
    monkeypatch.setenv(TIMEOUT, "10")
    found = [_timeout_of(ChosenProto()), _timeout_of(ZipkinExporter())]

    assert [10.0, 10.0] == found
    assert 1 == caplog.text.count(f"{TIMEOUT} is 10, and is read as seconds; write milliseconds, 10000")


def test_our_own_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our variables of sending, reporting and the local address are used, but the class decides the encoding."""
    for name, text in {
        "ZIPKIN_SEND_TIMEOUT": "3", TIMEOUT: "9000", "ZIPKIN_MAX_TAG_LENGTH": "100", "ZIPKIN_LOCAL_IP": "192.0.2.7",
        "ZIPKIN_MAX_QUEUED_SPANS": "7", "ZIPKIN_ENCODING": "thrift",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, text)
    exporter = ZipkinProtoExporter()

    assert "application/x-protobuf" == exporter._reporter._encoder.media_type
    assert (100, "192.0.2.7", 7) == (exporter._tag_limit, exporter._origins.local.ipv4, exporter._reporter._backlog.capacity)
    assert 3.0 == _timeout_of(exporter)


def test_a_wrong_variable_raises_in_code_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable, not the argument of the same meaning."""
    monkeypatch.setenv("ZIPKIN_FLUSH_INTERVAL", "-1")
    with pytest.raises(ValueError, match="environment variable ZIPKIN_FLUSH_INTERVAL is -1"):
        ZipkinExporter()
    monkeypatch.delenv("ZIPKIN_FLUSH_INTERVAL")
    monkeypatch.setenv(TIMEOUT, "soon")
    with pytest.raises(ValueError, match=f"environment variable {TIMEOUT} is 'soon'; use a number"):
        ZipkinExporter()


@pytest.mark.parametrize("variable", [ENDPOINT, "ZIPKIN_ENDPOINT", ""])
@pytest.mark.parametrize("chosen", [ZipkinExporter, ChosenJson, ZipkinProtoExporter, ChosenProto])
def test_spans_may_go_to_the_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: Any, variable: str) -> None:
    """With an endpoint `console:` from any variable or from code, each span is a line of JSON in the file."""
    path = tmp_path / "spans.jsonl"
    if variable:
        monkeypatch.setenv(variable, f"console:{path}")
    exporter = chosen() if variable else chosen(endpoint=f"console:{path}")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for name in ("one", "two"):
        provider.get_tracer("t").start_span(name).end()
    provider.shutdown()

    assert ["one", "two"] == [json.loads(line)["name"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("encoding", ["proto3", "thrift"])
@pytest.mark.parametrize("chosen", [ZipkinExporter, ZipkinProtoExporter])
def test_a_binary_encoding_in_code_is_refused_for_the_console(chosen: Any, encoding: str) -> None:
    """An encoding that code chose is not replaced: for the console a binary one raises ValueError."""
    with pytest.raises(
        ValueError,
        match=r"^encoding cannot be used with an endpoint that begins with console:, because each line there is JSON; use 'json'",
    ):
        chosen(endpoint="console:", encoding=encoding)


@pytest.mark.parametrize("endpoint", ["kafka://127.0.0.1:9/spans", "amqp://127.0.0.1:9/shop?queue=spans"])
def test_spans_may_go_to_a_broker(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """OpenTelemetry's variable may name a broker; settings that only HTTP has then raise ValueError."""
    monkeypatch.setenv(ENDPOINT, endpoint)
    exporter = ZipkinExporter(auth=("user", "word"))
    shown = repr(exporter)
    exporter.shutdown()

    assert endpoint.partition("?")[0].partition("/shop")[0] in shown
    with pytest.raises(ValueError, match=f"^compress cannot be used with an endpoint that begins with {endpoint[:7]}"):
        ZipkinExporter(compress=True)


@pytest.mark.parametrize(("variable", "text"), [(TIMEOUT, "soon"), (ENDPOINT, "localhost"), ("ZIPKIN_FLUSH_INTERVAL", "-1")])
@pytest.mark.parametrize("kind", [ChosenJson, ChosenProto])
def test_a_wrong_variable_is_a_line_where_an_entry_point_chose_the_exporter(
    kind: Any, variable: str, text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If an entry point chose the exporter, the application runs on after a wrong value, and no span is exported."""
    monkeypatch.setenv(variable, text)
    exporter = kind()

    assert f"no span is exported: environment variable {variable}" in caplog.text
    assert "FAILURE" == exporter.export([object()]).name


# The entry points


@pytest.mark.parametrize(("name", "media_type"), [
    ("zipkin", "application/x-protobuf"), ("zipkin_proto", "application/x-protobuf"), ("zipkin_json", "application/json"),
])  # fmt: skip
def test_the_entry_points_have_the_names_of_the_deprecated_ones(name: str, media_type: str) -> None:
    """Each entry point names a SpanExporter that needs no argument, and `zipkin` is proto3 as before."""
    [found] = [
        one
        for one in entry_points(group="opentelemetry_traces_exporter", name=name)
        if one.value.startswith("opentracing_zipkin.")
    ]
    kind = found.load()
    exporter = kind()
    exporter.shutdown()

    assert issubclass(kind, SpanExporter)
    assert media_type == exporter._reporter._encoder.media_type


def test_deprecated_packages_that_are_installed_too_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If an entry point chose ours, installed deprecated packages are named once: the installation decides which is found."""
    for name in ("json", "proto_http"):
        folder = tmp_path / f"opentelemetry_exporter_zipkin_{name}-1.45.1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: opentelemetry-exporter-zipkin-{name}\nVersion: 1.45.1\n"
        )
    ChosenProto().shutdown()
    assert "" == caplog.text
    monkeypatch.syspath_prepend(str(tmp_path))
    ChosenProto().shutdown()
    ChosenJson().shutdown()

    assert 1 == len(caplog.records)
    assert "opentelemetry-exporter-zipkin-json and opentelemetry-exporter-zipkin-proto-http have" in caplog.text


def test_the_sdk_is_needed_and_named_where_it_is_missing() -> None:
    """`import opentracing_zipkin` imports nothing of OpenTelemetry; without the SDK the exporter names the extra."""
    code = """
import sys, opentracing_zipkin
from opentracing_zipkin import ZipkinTracer, configure
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
sys.modules["opentelemetry.sdk"] = sys.modules["opentelemetry"] = None
try:
    import opentracing_zipkin.otel_exporter
except ImportError as error:
    assert "otel-sdk" in str(error), error
else:
    raise SystemExit("no error")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)

    assert (0, "") == (done.returncode, done.stderr)


# The end of the process

LATE = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
{first}
{second}
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("scope")
for number in range(700):
    tracer.start_span(str(number)).end()
"""
EXPORTER = "from opentracing_zipkin.otel_exporter import ZipkinProtoExporter; exporter = ZipkinProtoExporter()"
PROVIDER = "provider = TracerProvider()"


@pytest.mark.parametrize(
    ("first", "second"), [(EXPORTER, PROVIDER), (PROVIDER, EXPORTER)], ids=["exporter-first", "provider-first"]
)
@pytest.mark.parametrize(
    "then", ["", "exporter.force_flush()", "provider.force_flush()", "tracer.start_span('x').end(); raise SystemExit(3)"]
)
def test_the_process_end_loses_no_span(collector: Collector, first: str, second: str, then: str) -> None:
    """No span is lost, whether the SDK's exit handler or ours was registered first."""
    environment = {**os.environ, "ZIPKIN_ENDPOINT": collector.url}
    code = LATE.format(first=first, second=second) + then
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    names = {span.name for trace in collector.store.traces() for span in trace}

    assert ("", "") == (done.stdout, done.stderr)
    assert {str(number) for number in range(700)} <= names


KILLED = """
import os
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import {processor}
from opentracing_zipkin.otel_exporter import {exporter} as ZipkinExporter
exporter = ZipkinExporter()
provider = TracerProvider()
provider.add_span_processor({processor}(exporter))
provider.get_tracer("scope").start_span("a").end()
{then}
os._exit(0)
"""


@pytest.mark.parametrize(
    "then", ["provider.force_flush()", "provider.force_flush(); exporter.force_flush()", "provider.shutdown()"]
)
@pytest.mark.parametrize("processor", ["BatchSpanProcessor", "SimpleSpanProcessor"])
@pytest.mark.parametrize("exporter", ["ZipkinExporter", "ZipkinProtoExporter"])
def test_a_process_that_is_killed_after_a_flush_has_sent_its_spans(
    collector: Collector, exporter: str, processor: str, then: str
) -> None:
    """A flush is enough before a kill or a freeze; behind SimpleSpanProcessor, the exporter has to be flushed itself."""
    environment = {**os.environ, "ZIPKIN_ENDPOINT": collector.url}
    code = KILLED.format(exporter=exporter, processor=processor, then=then)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    arrived = [span.name for trace in collector.store.traces() for span in trace]

    assert ("", "") == (done.stdout, done.stderr)
    if (processor, then) != ("SimpleSpanProcessor", "provider.force_flush()"):  # it returns True and calls nobody
        assert ["a"] == arrived


def test_what_an_unreachable_collector_did_not_take_is_said_in_one_line() -> None:
    """With an unreachable collector the process ends after `exit_stall_timeout`, and one line counts the lost spans."""
    environment = {**os.environ, "ZIPKIN_ENDPOINT": "http://127.0.0.1:9", "ZIPKIN_EXIT_STALL_TIMEOUT": "0.2"}
    code = LATE.format(first=PROVIDER, second=EXPORTER)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=50, check=False
    )

    assert 0 == done.returncode
    assert "are lost" in done.stderr


def test_a_collector_that_fails_for_a_while_gets_every_span_once() -> None:
    """If the collector answers 503, then refuses connections, then is back, every span arrives exactly once."""
    port = free_port()
    exporter = ZipkinProtoExporter(f"http://127.0.0.1:{port}", flush_interval=0.02)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=20))
    tracer = provider.get_tracer("scope")

    def export(phase: str) -> None:
        for number in range(600):
            tracer.start_span(f"{phase} {number}").end()
        assert provider.force_flush()

    class Failing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            refused.append(self.path)
            self.send_error(503)

        def log_message(self, *args: Any) -> None: ...

    refused: list[str] = []
    with HTTPServer(("127.0.0.1", port), Failing) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        export("failing")
        assert not exporter.force_flush(300)
        server.shutdown()
        serving.join()
    export("refusing")
    assert not exporter.force_flush(100)
    with Collector(port=port) as collector:
        export("back")
        assert exporter.force_flush(20_000)
        provider.shutdown()
        names = [span.name for trace in collector.store.traces() for span in trace]

    assert refused
    assert sorted(f"{phase} {number}" for phase in ("failing", "refusing", "back") for number in range(600)) == sorted(names)
    assert (1800, 0) == (exporter.stats.sent, sum(exporter.stats.dropped.values()))


def test_a_program_that_ends_at_once_has_sent_its_only_span(collector: Collector) -> None:
    """The span arrives even if the SDK hands it over at the end of the process, when Python 3.12 starts no more threads."""
    environment = {**os.environ, "ZIPKIN_ENDPOINT": collector.url}
    code = LATE.format(first=PROVIDER, second=EXPORTER).replace("700", "1")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=50, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert ["0"] == [span.name for trace in collector.store.traces() for span in trace]


def test_the_sdks_configurator_takes_ours_by_the_variables_of_the_deprecated_one(collector: Collector) -> None:
    """With `OTEL_TRACES_EXPORTER=zipkin` and no code, service, endpoint and resource come from the environment."""
    code = """
from opentelemetry import trace
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()
trace.get_tracer("scope").start_span("get").end()
"""
    environment = {
        **os.environ,
        "OTEL_TRACES_EXPORTER": "zipkin",
        ENDPOINT: f"{collector.url}/api/v2/spans",
        TIMEOUT: "10",
        "OTEL_SERVICE_NAME": "Shop",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    [[span]] = collector.store.traces()

    assert 0 == done.returncode
    assert f"zipkin: {TIMEOUT} is 10, and is read as seconds; write milliseconds, 10000\n" == done.stderr
    assert ("shop", "test") == (span.local and span.local.service_name, span.tags["deployment.environment"])


@pytest.mark.parametrize("end", ["exit", "_exit"])
def test_a_forked_child_exports_its_own_spans_and_the_parent_its_own(collector: Collector, end: str) -> None:
    """After a fork, child and parent each export their own spans; a child that leaves by `os._exit` has to flush itself."""
    code = (
        LATE.format(first=PROVIDER, second=EXPORTER)
        + """
import os, sys
child = os.fork()
for number in range(700):
    tracer.start_span(f"{'parent' if child else 'child'} {number}").end()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    """
        + ("sys.exit(0)" if end == "exit" else "provider.shutdown(); os._exit(0)")
    )
    environment = {**os.environ, "ZIPKIN_ENDPOINT": collector.url}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    names = [span.name for trace in collector.store.traces() for span in trace]
    expected = [f"{who}{number}" for who in ("", "parent ", "child ") for number in range(700)]

    assert (0, "") == (done.returncode, done.stderr)
    assert sorted(expected) == sorted(names)
