"""`install()` and the entry points, in separate processes, because OpenTelemetry accepts one provider per process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from opentracing_zipkin.instrument.opentelemetry_api import is_too_old

BEGIN = """
import json, logging, sys
said = []
class Said(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())
logging.getLogger().addHandler(Said(logging.INFO))
logging.getLogger("opentracing_zipkin").setLevel(logging.INFO)
def tell(*found):
    print(json.dumps([said, *found]))
import opentracing
from opentracing_zipkin.testing import InMemoryRecorder
from opentracing_zipkin import ZipkinTracer, configure
"""


def run(code: str, **environment: str) -> Any:
    """The list that the code printed: first the lines of its log, then the arguments of its `tell`."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("ZIPKIN_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BEGIN + textwrap.dedent(code)],
        env={**clean, "PYTHONPATH": os.getcwd(), **environment}, capture_output=True, text=True, timeout=50,
    )  # fmt: skip

    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def test_spans_of_the_api_are_recorded() -> None:
    """After `install`, tracers made before and after it record spans, B3 is sent, and the SDK is not imported."""
    said, names, headers, sdk = run("""
        from opentelemetry import propagate, trace
        before = trace.get_tracer("before")
        from opentracing_zipkin.otel import install
        recorder = InMemoryRecorder()
        install(ZipkinTracer("shop", recorder=recorder))
        headers = {}
        with before.start_as_current_span("a"), trace.get_tracer("after").start_as_current_span("b"):
            propagate.inject(headers)
        tell([s.name for s in recorder.spans], sorted(headers), [name for name in sys.modules if "opentelemetry.sdk" in name])
    """)

    assert ([], ["b", "a"], []) == (said, names, sdk)
    assert ["x-b3-parentspanid", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid"] == headers


def test_install_may_be_called_again() -> None:
    """`install` may be called again, with the same tracer or with another one, which then gets the spans."""
    said, first, second = run("""
        from opentelemetry import trace
        from opentracing_zipkin.otel import install
        first, second = InMemoryRecorder(), InMemoryRecorder()
        tracer = ZipkinTracer("shop", recorder=first)
        install(tracer)
        install(tracer)
        trace.get_tracer("x").start_span("a").end()
        install(ZipkinTracer("shop", recorder=second))
        trace.get_tracer("x").start_span("b").end()
        tell([s.name for s in first.spans], [s.name for s in second.spans])
    """)

    assert ([], ["a"], ["b"]) == (said, first, second)


def test_the_global_tracer_is_followed() -> None:
    """`install()` may come before `configure()`, each `configure` takes effect at once, and `install` configures nothing."""
    said, names, active = run("""
        from opentelemetry import trace
        from opentracing_zipkin.otel import install
        install()
        otel = trace.get_tracer("x")
        otel.start_span("lost").end()
        recorders = [InMemoryRecorder(), InMemoryRecorder()]
        for recorder in recorders:
            tracer = configure("shop", recorder=recorder, handle_sigterm=False)
            with tracer.start_active_span("a"):
                otel.start_span("b").end()
        tell([[s.name for s in recorder.spans] for recorder in recorders], recorders[1].spans[0].parent_id == recorders[1].spans[1].span_id)
    """)

    assert ([["b", "a"], ["b", "a"]], True) == (names, active)
    assert ["the global tracer is Tracer", "configure() was called again"] == [
        next(part for part in ("the global tracer is Tracer", "configure() was called again") if part in line) for line in said
    ]


def test_another_provider_stays_and_is_named() -> None:
    """If another provider is set, one line says what is not traced, and no exception is raised."""
    said, kind = run("""
        from opentelemetry import trace
        trace.set_tracer_provider(trace.NoOpTracerProvider())
        from opentracing_zipkin.otel import install
        install(ZipkinTracer("shop", recorder=InMemoryRecorder()))
        tell(type(trace.get_tracer_provider()).__name__)
    """)

    assert "NoOpTracerProvider" == kind
    assert 1 == len(said)
    assert "OpenTelemetry already has the provider NoOpTracerProvider, so its spans are not sent to Zipkin" in said[0]


def test_an_argument_that_is_no_tracer_is_refused() -> None:
    """`install` raises TypeError at once for an argument that is not a tracer."""
    [_, message] = run("""
        from opentracing_zipkin.otel import install
        try:
            install("shop")
        except TypeError as error:
            tell(str(error))
    """)

    assert "install() takes a ZipkinTracer, got str; leave it out for the global tracer" == message


@pytest.mark.parametrize(
    ("version", "old"),
    [("1.0.0", True), ("1.37.0", True), ("1.38.0", False), ("1.45.2", False), ("2.0", False), ("dev", False)],
)
def test_an_api_that_is_too_old(version: str, old: bool) -> None:
    """An API that is too old is recognised by its version; a version that cannot be read counts as new enough."""
    assert old is is_too_old(version)


OLD = """
from opentelemetry import trace, version
version.__version__ = "1.3.0"
for gone in {gone}:
    delattr(trace, gone)
{before}
import opentracing_zipkin.otel
{act}
tell(trace.get_tracer_provider().get_tracer("shop").start_span("a").is_recording())
"""
OLD_WAYS = {
    "by install": ("", "opentracing_zipkin.otel.install(ZipkinTracer('shop', recorder=InMemoryRecorder()))", {}),
    "by install, imported before": (
        "from opentracing_zipkin.otel.installing import install",
        "install(ZipkinTracer('shop', recorder=InMemoryRecorder()))",
        {},
    ),
    "by the entry point": ("", "", {"OTEL_PYTHON_TRACER_PROVIDER": "zipkin", "ZIPKIN_SERVICE_NAME": "shop"}),
}


@pytest.mark.parametrize(
    ("way", "gone"),
    [*((way, []) for way in OLD_WAYS), ("by install", ["format_span_id"]), ("by the entry point", ["format_span_id"])],
)
def test_an_api_that_is_too_old_is_named(way: str, gone: list[str]) -> None:
    """With an old API one line is logged and the application runs untraced, even if the API lacks names that we import."""
    before, act, variables = OLD_WAYS[way]
    said, is_recording = run(OLD.format(gone=gone, before=before, act=act), **variables)

    assert not is_recording
    assert ["zipkin: OpenTelemetry's spans are not recorded: opentelemetry-api 1.3.0 is too old; install 1.38 or newer"] == said


def test_a_missing_package_names_the_extra() -> None:
    """`import opentracing_zipkin` imports nothing of OpenTelemetry, and `otel` names the extra that it needs."""
    _, loaded, message = run("""
        sys.modules["opentelemetry"] = None
        import opentracing_zipkin.otel
        try:
            opentracing_zipkin.otel.install
        except ImportError as error:
            tell([name for name in sys.modules if name.startswith("opentelemetry.")], str(error))
    """)

    assert [] == loaded
    assert (
        "opentracing_zipkin.otel needs opentelemetry-api: install the extra 'otel' of the distribution 'opentracing' (or opentelemetry-api itself)"
        == message
    )


# The entry points

ENTRY = {"OTEL_PYTHON_TRACER_PROVIDER": "zipkin", "OTEL_PROPAGATORS": "zipkin_b3"}
SHOW = """
from opentelemetry import propagate, trace
provider = trace.get_tracer_provider()
headers = {}
with trace.get_tracer("x").start_as_current_span("a"):
    propagate.inject(headers)
tracer = opentracing.global_tracer()
"""


def test_two_variables_are_enough() -> None:
    """Two variables are enough for an application to be traced: the environment configures the tracer, and B3 is sent."""
    said, name, rate, limits, headers, sdk = run(
        SHOW + """
tell(tracer.service_name, tracer._sampler(1), [provider.max_attributes, provider.max_events, provider.max_links], sorted(headers), "opentelemetry.sdk" in sys.modules)
""",
        **ENTRY,
        OTEL_SERVICE_NAME="shop",
        OTEL_TRACES_SAMPLER="parentbased_always_off",
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="64",
        OTEL_SPAN_EVENT_COUNT_LIMIT="32",
        OTEL_SPAN_LINK_COUNT_LIMIT="1000",
    )  # fmt: skip

    assert ("shop", False, [64, 32, 128], False) == (name, rate, limits, sdk)
    assert ["x-b3-sampled", "x-b3-spanid", "x-b3-traceid"] == headers
    assert [] == said


def test_without_a_name_the_service_is_unknown() -> None:
    """Without a service name the service is called unknown_service, with one warning and no exception."""
    said, name = run(SHOW + "\ntell(tracer.service_name)", **ENTRY)

    assert "unknown_service" == name
    assert 1 == sum("the service has no name, and is called unknown_service" in line for line in said)


def test_the_applications_own_tracer_counts() -> None:
    """A tracer configured before is used, and one configured later replaces the environment's without a message."""
    code = """
        import opentelemetry.trace as trace
        {first}
        trace.get_tracer_provider()
        configure("late", recorder=InMemoryRecorder(), handle_sigterm=False)
        trace.get_tracer("x").start_span("a").end()
        tell(opentracing.global_tracer().service_name, len(opentracing.global_tracer()._recorder.spans))
    """
    said, *late = run(code.format(first="pass"), **ENTRY, ZIPKIN_SERVICE_NAME="early")
    assert ["late", 1] == late
    assert [] == said

    said, name = run("""
        configure("first", recorder=InMemoryRecorder(), handle_sigterm=False)
        import opentelemetry.trace as trace
        trace.get_tracer_provider().get_tracer("x").start_span("a").end()
        tell(opentracing.global_tracer().service_name)
    """, **ENTRY)  # fmt: skip
    assert ("first", []) == (name, said)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ZIPKIN_SAMPLE_RATE", "2"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many"),
        ("OTEL_TRACES_SAMPLER_ARG", "some"),
        ("ZIPKIN_ENDPOINT", "ftp://x"),
    ],
)
def test_a_wrong_value_stops_no_application(variable: str, value: str) -> None:
    """A wrong value of a variable does not stop the application: one line names the variable, and nothing is traced."""
    said, name = run(
        "from opentelemetry import trace\ntell(type(trace.get_tracer_provider()).__name__)",
        **ENTRY, ZIPKIN_SERVICE_NAME="shop", OTEL_TRACES_SAMPLER="traceidratio", **{variable: value},
    )  # fmt: skip

    assert "NoOpTracerProvider" == name
    assert 1 == len(said)
    assert said[0].startswith("zipkin: OpenTelemetry's spans are not recorded: environment variable " + variable)


def test_variables_that_are_not_used_are_logged_once() -> None:
    """Metrics, logs and OTLP are not used; one line for each names its variables and the package where they still work."""
    said, _ = run(
        SHOW + "\ntell(0)",
        **ENTRY, ZIPKIN_SERVICE_NAME="shop", OTEL_METRICS_EXPORTER="otlp", OTEL_LOGS_EXPORTER="none", OTEL_TRACES_EXPORTER="zipkin",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4318", OTEL_EXPORTER_OTLP_HEADERS="key=s3cr3t",
    )  # fmt: skip

    assert [
        "zipkin: OTEL_METRICS_EXPORTER: no effect here; this package makes no metrics; set up OpenTelemetry's SDK for them",
        "zipkin: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: no effect here; spans go to ZIPKIN_ENDPOINT in Zipkin's formats; set up OpenTelemetry's SDK for OTLP",
    ] == [line for line in said if "no effect here" in line]


def test_the_switch_of_the_sdk_turns_the_tracer_off() -> None:
    """With `OTEL_SDK_DISABLED=true` the tracer starts disabled."""
    _, enabled, headers = run(
        SHOW + "\ntell(tracer.enabled, headers)", **ENTRY, ZIPKIN_SERVICE_NAME="shop", OTEL_SDK_DISABLED="true"
    )

    assert (False, {}) == (enabled, headers)


def test_a_forked_child_goes_on(tmp_path: Any) -> None:
    """A forked child sends its spans with new ids, and each process flushes its waiting spans at its end."""
    from opentracing_zipkin.collector import Collector

    with Collector() as collector:
        run(
            """
            import os
            from opentelemetry import trace
            tracer = trace.get_tracer_provider().get_tracer("x")
            tracer.start_span("before").end()
            child = os.fork()
            tracer.start_span("child" if child == 0 else "parent").end()
            if child:
                os.waitpid(child, 0)
                tell(0)
            """,
            **ENTRY, ZIPKIN_SERVICE_NAME="shop", ZIPKIN_ENDPOINT=collector.url,
        )  # fmt: skip
        spans = [span for trace in collector.store.traces() for span in trace]

    assert ["before", "child", "parent"] == sorted(span.name for span in spans)
    assert 3 == len({span.trace_id for span in spans})
