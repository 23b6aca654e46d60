"""OpenTelemetry's variables as a fallback for our settings: the sampler, the limits, the resource."""

from __future__ import annotations

import pytest

from opentracing_zipkin import ZipkinTracer, configure, environment
from opentracing_zipkin.settings import configure_by_environment

SAMPLER, ARGUMENT = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
LENGTH, SPAN_LENGTH = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"


@pytest.fixture(autouse=True)
def _nothing_logged_before(no_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what was logged once before."""
    monkeypatch.setattr("opentracing_zipkin.log._topics", set())


def share(tracer: ZipkinTracer) -> float:
    """The sampled share of 1000 new traces."""
    return sum(tracer._sampler(number * 0x9E3779B97F4A7C15 & (1 << 64) - 1) for number in range(1000)) / 1000


RATES = [
    ({SAMPLER: "always_on"}, 1.0),
    ({SAMPLER: "always_off"}, 0.0),
    ({SAMPLER: "parentbased_always_on"}, 1.0),
    ({SAMPLER: "parentbased_always_off"}, 0.0),
    ({SAMPLER: "traceidratio", ARGUMENT: "0.25"}, 0.25),
    ({SAMPLER: "parentbased_traceidratio", ARGUMENT: "0.25"}, 0.25),
    ({SAMPLER: "traceidratio"}, 1.0),
    ({SAMPLER: "ALWAYS_OFF"}, 0.0),
    ({SAMPLER: " ParentBased_Always_Off "}, 0.0),
    ({SAMPLER: "ParentBased_TraceIdRatio", ARGUMENT: " 0.25 "}, 0.25),
    ({SAMPLER: "traceidratio", ARGUMENT: " "}, 1.0),
    ({ARGUMENT: "0.25"}, 1.0),
    ({SAMPLER: "jaeger_remote", ARGUMENT: "endpoint=http://x"}, 1.0),
    ({SAMPLER: "always_off", "ZIPKIN_SAMPLE_RATE": "1"}, 1.0),
]


@pytest.mark.parametrize(("variables", "rate"), RATES)
def test_the_sampler(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], rate: float) -> None:
    """OpenTelemetry's sampler sets the share of new traces, unless ZIPKIN_SAMPLE_RATE is set."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    assert abs(share(configure("shop")) - rate) < 0.05


def test_an_unknown_sampler_is_logged_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An unknown sampler is logged once, and every trace is recorded as without it."""
    monkeypatch.setenv(SAMPLER, "xray")
    configure("shop")
    configure("shop")

    assert 1 == sum("OTEL_TRACES_SAMPLER is 'xray', which is ignored; use always_on, " in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("text", "enabled", "is_logged"),
    [
        ("true", False, False), ("TRUE", False, False), (" True ", False, False), ("", True, False), ("false", True, False),
        ("False", True, False), ("1", True, True), ("yes", True, True), ("on", True, True), ("no", True, True),
    ],
)  # fmt: skip
def test_the_switch_of_the_sdk(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str, enabled: bool, is_logged: bool
) -> None:
    """Only "true" turns tracing off; similar words are logged once, unless ZIPKIN_ENABLED or the code decides."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", text)
    configure("shop", enabled=True)
    assert [] == [line for line in caplog.messages if "OTEL_SDK_DISABLED" in line]
    found = [configure("shop")._enabled, configure("shop")._enabled]

    assert [enabled, enabled] == found
    assert is_logged == sum("has no effect; use true, or ZIPKIN_ENABLED=false" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("text", "name", "tags"),
    [
        ("service.name=", "unknown_service", {}),
        ("service.name=%20", "unknown_service", {}),
        ("service.name=x%20y", "x y", {}),
        ("service.name", "unknown_service", {}),
        (",=,=b,a,k=,c=%zz,d=%C3%BC,e=1=2,, f = g ", "unknown_service", {"k": "", "c": "%zz", "d": "ü", "e": "1=2", "f": "g"}),
        ("k=%FF", "unknown_service", {"k": "\ufffd"}),
        ("a=1,a=2", "unknown_service", {"a": "2"}),
    ],
)
def test_the_resource(monkeypatch: pytest.MonkeyPatch, text: str, name: str, tags: dict[str, str]) -> None:
    """The readable parts of the resource are used, and the rest is left out without stopping the tracing."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", text)
    tracer = configure_by_environment()

    assert name == tracer.service_name
    assert tags == {key: value for key, value in tracer._default_tags.items() if key != "service.name"}


@pytest.mark.parametrize(("text", "seconds", "is_logged"), [("5", 0.005, True), ("999", 0.999, True), ("1000", 1.0, False)])
def test_a_time_out_in_milliseconds_that_may_be_meant_in_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str, seconds: float, is_logged: bool
) -> None:
    """The timeout is in milliseconds; a small value is logged once, because the deprecated exporter read seconds."""
    monkeypatch.setenv("OTEL_EXPORTER_ZIPKIN_TIMEOUT", text)
    found = [configure("shop")._recorder._sender._failover.max_s for _ in range(2)]  # type: ignore[attr-defined]

    assert [seconds, seconds] == found
    assert is_logged == sum("is milliseconds; write" in line or "which is milliseconds" in line for line in caplog.messages)


@pytest.mark.parametrize("text", ["some", "2", "-1"])
def test_a_wrong_share_names_its_variable(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A wrong sampling share raises ValueError, which names its variable."""
    monkeypatch.setenv(SAMPLER, "traceidratio")
    monkeypatch.setenv(ARGUMENT, text)
    with pytest.raises(ValueError, match=f"environment variable {ARGUMENT} is '?{text}"):
        configure("shop")


def test_a_sampler_in_code_outranks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the sampler is given in code, the variables are not read."""
    monkeypatch.setenv(SAMPLER, "traceidratio")
    monkeypatch.setenv(ARGUMENT, "nonsense")

    assert True is configure("shop", sampler=lambda trace_id: True)._sampler(1)
    assert 0.0 == share(configure("shop", sample_rate=0.0))


@pytest.mark.parametrize(
    ("variables", "limit"),
    [
        ({}, 8192),
        ({LENGTH: "100"}, 100),
        ({LENGTH: "100", SPAN_LENGTH: "50"}, 50),
        ({SPAN_LENGTH: "50"}, 50),
        ({LENGTH: "0"}, 1),
        ({LENGTH: "99999999999"}, 1_000_000),
        ({LENGTH: "100", SPAN_LENGTH: "50", "ZIPKIN_MAX_TAG_LENGTH": "30"}, 30),
    ],
)
def test_the_longest_value(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], limit: int) -> None:
    """The limit stays in our own bounds; the variable for spans wins over the general one, and ours over both."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    assert limit == configure("shop")._tag_limit
    assert 7 == configure("shop", max_tag_length=7)._tag_limit


@pytest.mark.parametrize(
    ("variables", "limits"),
    [
        ({}, {}),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "9"}, {"max_attributes": 9}),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "9", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "8"}, {"max_attributes": 8}),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "7", "OTEL_SPAN_LINK_COUNT_LIMIT": "-1"}, {"max_events": 7, "max_links": 0}),
    ],
)
def test_the_numbers_of_a_span(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], limits: dict[str, int]) -> None:
    """`span_limits` reads the limits that the entry point passes to the provider."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    assert limits == environment.span_limits()
