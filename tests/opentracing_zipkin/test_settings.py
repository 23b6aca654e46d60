"""`configure`: arguments outrank the environment, which outranks defaults; a wrong setting raises at once, with a remedy."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import opentracing
import opentracing_zipkin
from opentracing_zipkin import Endpoint, ZipkinTracer, configure, sampling
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.senders.http import HttpSender
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder

pytestmark = pytest.mark.usefixtures("no_settings")


def sender_of(tracer: ZipkinTracer) -> HttpSender:
    sender = tracer._recorder._sender  # type: ignore[attr-defined]
    assert isinstance(sender, HttpSender)
    return sender


def sender_url(tracer: ZipkinTracer) -> str:
    [url] = sender_of(tracer).urls
    return url


def test_one_line_makes_the_global_tracer() -> None:
    """`configure` makes the global tracer, which sends to Zipkin's default address."""
    tracer = opentracing_zipkin.configure("service")

    assert tracer is opentracing.tracer is opentracing.global_tracer()
    assert "http://localhost:9411/api/v2/spans" == sender_url(tracer)


def test_thrift_has_a_path_of_its_own() -> None:
    """The endpoint's path is replaced by the path of the chosen encoding."""

    assert "http://h:1/p/api/v1/spans" == sender_url(configure("s", endpoint="http://h:1/p/api/v2/spans", encoding="thrift"))


def own_paths(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The log lines about an endpoint's path that is no prefix."""
    return [record.getMessage() for record in caplog.records if "exactly as it is" in record.getMessage()]


@pytest.mark.parametrize("setting", ["argument", "ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_ENDPOINT"])
def test_a_path_of_its_own_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, setting: str
) -> None:
    """Spans are posted to an endpoint's own path unchanged; one line at INFO tells the path to write for a prefix."""
    caplog.set_level(logging.INFO)
    endpoint = "https://user:secret@host/prefix"
    if setting != "argument":
        monkeypatch.setenv(setting, endpoint)
    tracer = configure("service", endpoint=endpoint if setting == "argument" else None)

    assert endpoint == sender_url(tracer)
    [said] = own_paths(caplog)
    assert said == (
        "zipkin: spans are posted to https://host/prefix exactly as it is; "
        "if its path is the prefix of a Zipkin server, use https://host/prefix/api/v2/spans"
    )


def test_nothing_is_said_of_paths_that_are_no_surprise(caplog: pytest.LogCaptureFixture) -> None:
    """No line is logged for Zipkin's own paths, a query, a sender in code, or a tracer without `configure`."""
    caplog.set_level(logging.INFO)
    configure("service", endpoint="http://a,http://b/zipkin/,http://c/p/api/v2/spans,http://d/trace/v1?Api-Key=K")
    ZipkinTracer("service", endpoint="http://host/prefix")

    assert [] == own_paths(caplog)
    configure("service", endpoint=["http://a/p", "http://b", "http://c/q"])
    assert 2 == len(own_paths(caplog))


def test_constructing_a_tracer_touches_nothing_global(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor of a tracer uses neither the global tracer nor the environment."""
    monkeypatch.setenv("ZIPKIN_ENDPOINT", "http://elsewhere:1")
    tracer = ZipkinTracer("service")

    assert "http://localhost:9411/api/v2/spans" == sender_url(tracer)
    assert False is opentracing.is_global_tracer_registered()


def test_the_environment_gives_what_the_arguments_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting's variable is `ZIPKIN_` and its argument's name; an argument outranks it, and an empty one is unset."""
    for name, value in {
        "SERVICE_NAME": "from-env",
        "ENDPOINT": "http://env:9411/",
        "ENCODING": "",
        "SAMPLE_RATE": "0",
        "B3_FORMAT": "single",
        "SHARED_SPANS": "no",
        "TRACE_ID_BITS": "64",
        "MAX_QUEUED_SPANS": "7",
        "LOCAL_IP": "10.0.0.9",
        "LOCAL_PORT": "8080",
    }.items():
        monkeypatch.setenv(f"ZIPKIN_{name}", value)
    tracer = configure()

    assert ("from-env", "http://env:9411/api/v2/spans") == (tracer.service_name, sender_url(tracer))
    assert (64, 7, False) == (tracer._trace_id_bits, tracer._recorder._backlog.capacity, tracer._shared_spans)  # type: ignore[attr-defined]
    assert Endpoint("from-env", "10.0.0.9", "", 8080) == tracer._local
    assert ["b3"] == list(tracer.trace_context_to_text(tracer.start_trace("x").context)[0])
    assert False is tracer.start_trace("x").context.sampled
    assert ("mine", True) == (configure("mine", sample_rate=1).service_name, opentracing.tracer.start_span("x").context.sampled)


def test_opentelemetrys_variables_are_the_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's variables are the fallback; their timeout is in milliseconds, as the specification says."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "otel")
    monkeypatch.setenv("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://otel:9411/api/v2/spans")
    monkeypatch.setenv("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "2500")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,zone=a%20b,nonsense")
    tracer = configure()

    assert ("otel", "http://otel:9411/api/v2/spans") == (tracer.service_name, sender_url(tracer))
    assert 2.5 == tracer._recorder._sender._failover.max_s  # type: ignore[attr-defined]
    assert {"service.name": "other", "zone": "a b"} == tracer._default_tags
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    assert "other" == configure().service_name


def test_kubernetes_own_variables_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that a Kubernetes Service named "zipkin" puts into every pod change nothing."""
    monkeypatch.setenv("ZIPKIN_PORT", "tcp://10.0.0.1:9411")
    monkeypatch.setenv("ZIPKIN_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("ZIPKIN_SERVICE_PORT", "9411")

    assert "http://localhost:9411/api/v2/spans" == sender_url(configure("service"))


def test_no_service_name_anywhere_names_the_variable() -> None:
    """Without a service name, `configure` raises ValueError that names the variable."""
    with pytest.raises(ValueError, match="ZIPKIN_SERVICE_NAME"):
        configure()


async def asynchronous(trace_id: int) -> bool:
    return True


class Asynchronous:
    async def __call__(self, trace_id: int) -> bool:
        return True


class AsynchronousRoots(sampling.RootSampler):
    async def decide(self, trace_id: int, root: sampling.Root) -> bool:  # type: ignore[override]
        return True


class OneName(sampling.RootSampler):
    headers = "x-tenant"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sample_rate": 100}, r"sample_rate is 100; use 0\.0 .* to 1\.0"),
    ({"encoding": "xml"}, "encoding is 'xml'; use 'json', 'json_v1', 'thrift' or 'proto3'"),
    ({"endpoint": "localhost:9411"}, "endpoint is 'localhost:9411'; use the collector's URL"),
    ({"b3_format": "x"}, "b3_format is 'x'; use one of multi, single, both"),
    ({"trace_id_bits": 32}, "trace_id_bits is 32; use 64 or 128"),
    ({"shared_spans": "false"}, "shared_spans is 'false'; use True or False"),
    ({"max_queued_spans": 0}, "max_queued_spans is 0; use a number from 1"),
    ({"flush_interval": -1}, "flush_interval is -1; use a number from"),
    ({"send_timeout": "3"}, "send_timeout is '3'; use a number from"),
    ({"local_ip": "my-host"}, "local_ip is 'my-host'; use an IPv4 or IPv6 address"),
    ({"local_port": 70000}, "local_port is 70000; use a number from 0 to 65535"),
    ({"enabled": "no"}, "enabled is 'no'; use True or False"),
    ({"handle_sigterm": 1}, "handle_sigterm is 1; use True or False"),
    ({"default_tags": "x"}, "default_tags is 'x'; use a dict"),
    ({"endpoint": "http://h:99999"}, "endpoint is 'http://h:99999'; Port out of range"),
    ({"max_outbox_bytes": 0}, "max_outbox_bytes is 0; use a number from 1"),
    ({"sampler": 3}, "sampler is 3; use a function"),
    ({"sampler": asynchronous}, "which is async or a generator; use a function that returns a bool"),
    ({"sampler": Asynchronous()}, "which is async or a generator; use a function that returns a bool"),
    ({"sampler": AsynchronousRoots()}, "which is async or a generator; use a function that returns a bool"),
    ({"sampler": OneName()}, r"sampler has headers = 'x-tenant'; use a tuple of names"),
    (
        {"sampler": lambda trace_id: True, "sample_rate": 0.5},
        "sampler excludes sample_rate; give it to the sampler, or leave it out",
    ),
    ({"recorder": InMemoryRecorder(), "sender": object()}, "recorder and sender exclude each other"),
    (
        {"sender": FakeSender(), "proxy": "http://p", "compress": True},
        "sender excludes proxy, compress; give them to the sender",
    ),
    ({"endpoint": ["http://a", "b"]}, "endpoint is 'b'; use the collector's URL"),
    ({"endpoint": []}, r"endpoint is \[\]; use the collector's URL"),
    ({"headers": "X-Tenant: blue"}, "headers is of type str; use a dict"),
    ({"headers": {"X-Tenant": "blue\r\nX: y"}}, "headers has 'X-Tenant' with a value that cannot be sent"),
    ({"auth": "user:secret"}, r"auth is no pair of texts; use \('user', 'password'\)$"),
    ({"ca_bundle": "/no/such.pem"}, "ca_bundle is '/no/such.pem'; use the path of an existing PEM file"),
    ({"client_cert": "/no/such.pem"}, "client_cert is '/no/such.pem'; use the path of an existing PEM file"),
    ({"client_key": "key.pem"}, "client_key is given without client_cert"),
    ({"proxy": "proxy:3128"}, "proxy is 'proxy:3128'; use its URL"),
    ({"proxy": "socks5://user:secret@proxy"}, "proxy is 'socks5://proxy'; use its URL"),
    ({"compress": "yes"}, "compress is 'yes'; use True or False"),
    ({"queue_full_timeout": -1}, "queue_full_timeout is -1; use a number from 0"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_a_wrong_setting_names_the_value_and_the_remedy(settings: dict[str, Any], message: str) -> None:
    """A wrong setting raises at once with value and remedy, and the global tracer stays the same."""
    with pytest.raises(ValueError, match=message):
        configure("service", **settings)
    assert False is opentracing.is_global_tracer_registered()


def test_a_misspelt_argument_is_told_with_the_right_one() -> None:
    """A misspelt argument raises TypeError that names the right one."""
    with pytest.raises(TypeError, match=r"configure\(\) has no argument 'samplerate'; did you mean 'sample_rate'\?"):
        configure("service", samplerate=0.5)


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_service_has_a_name(name: Any) -> None:
    """A wrong service name raises ValueError that shows a right one."""
    with pytest.raises(ValueError, match=r"service_name is .*ZipkinTracer\('checkout'\)"):
        ZipkinTracer(name)


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("ZIPKIN_SAMPLE_RATE", "ten", "use a number"),
        ("ZIPKIN_MAX_QUEUED_SPANS", "1.5", "use a whole number"),
        ("ZIPKIN_SHARED_SPANS", "maybe", "use true or false"),
        ("ZIPKIN_ENABLED", "2", "use true or false"),
        ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "1s", "use a number"),
        ("ZIPKIN_COMPRESS", "gzip", "use true or false"),
        ("ZIPKIN_QUEUE_FULL_TIMEOUT", "100ms", "use a number"),
        ("ZIPKIN_ENCODING", "jsn", "use 'json', 'json_v1', 'thrift' or 'proto3'"),
        ("ZIPKIN_B3_FORMAT", "mutli", "use one of multi, single, both"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, remedy: str) -> None:
    """A wrong variable raises an error that names it, with its value and the remedy."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"environment variable {variable} is '{value}'; {remedy}"):
        configure("service")


def test_a_wrong_secret_in_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for a wrong secret names the variable and the right shape, not the value."""
    monkeypatch.setenv("ZIPKIN_AUTH", "secret")
    with pytest.raises(ValueError, match="environment variable ZIPKIN_AUTH is wrong; use user:password") as caught:
        configure("service")

    assert "secret" not in str(caught.value)


def test_the_connections_settings_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment may give user and password, certificates, gzip, and a list of collectors."""
    files = {name: tmp_path / f"{name}.pem" for name in ("ca_bundle", "client_cert", "client_key")}
    for name, path in files.items():
        path.write_text("")
        monkeypatch.setenv(f"ZIPKIN_{name.upper()}", str(path))
    monkeypatch.setenv("ZIPKIN_AUTH", "user:pass:word")
    monkeypatch.setenv("ZIPKIN_COMPRESS", "true")
    monkeypatch.setenv("ZIPKIN_ENDPOINT", "http://one, http://two:9411/api/v2/spans")
    sender = sender_of(configure("service"))

    assert ["http://one/api/v2/spans", "http://two:9411/api/v2/spans"] == sender.urls
    assert (("user", "pass:word"), True) == (sender._auth, sender._compress)
    assert (str(files["ca_bundle"]), (str(files["client_cert"]), str(files["client_key"]))) == (sender._verify, sender._cert)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_ca_bundle_of_requests_is_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    """For collectors with TLS, the CA bundle of requests is read once, at `configure`, unless ours is set."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    monkeypatch.setenv(variable, str(bundle))

    assert str(bundle) == sender_of(configure("service", endpoint="https://zipkin"))._verify
    assert True is sender_of(ZipkinTracer("service", endpoint="https://zipkin"))._verify


def test_the_usual_proxy_variables_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual proxy variables are read for each collector's scheme, except for hosts in NO_PROXY; `proxy` outranks them."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://secure:3128")
    monkeypatch.setenv("NO_PROXY", "internal")
    urls = "http://one:9411/own?key=a,b,https://two,http://internal/zipkin"

    assert {"http://one": "http://proxy:3128", "https://two": "http://secure:3128"} == sender_of(
        configure("service", endpoint=urls)
    )._proxies
    assert {} == sender_of(ZipkinTracer("service", endpoint=urls))._proxies
    assert {"http://p"} == set(sender_of(configure("service", endpoint=urls, proxy="http://p"))._proxies.values())


def test_a_sender_in_code_needs_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connection settings in the environment are not applied to a sender that is given in code."""
    monkeypatch.setenv("ZIPKIN_CA_BUNDLE", "/no/such.pem")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")

    assert "FakeSender" in repr(configure("service", sender=FakeSender()))


def test_names_of_headers_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of headers in a variable are separated by commas."""
    monkeypatch.setenv("ZIPKIN_BAGGAGE_FIELDS", "x-request-id, x-tenant ,")
    tracer: Any = configure("service")

    assert ["x-request-id", "x-tenant"] == list(tracer.propagation.attributes.names)


def test_a_second_call_replaces_and_closes_the_first_tracer(caplog: pytest.LogCaptureFixture) -> None:
    """A second `configure` replaces and closes the first tracer, with a warning."""
    first = configure("first")
    second = configure("second")

    assert second is opentracing.tracer
    assert "closed" in repr(first)
    assert "configure() was called again" in caplog.text


@pytest.mark.parametrize("switch", ["argument", "ZIPKIN_ENABLED", "OTEL_SDK_DISABLED"])
def test_disabled_keeps_a_zipkin_tracer_whose_switch_is_off(monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    """A disabled tracer records nothing, has `stats` and `flush`, and can be enabled while the process runs."""
    if switch != "argument":
        monkeypatch.setenv(switch, "true" if switch.startswith("OTEL") else "off")
    tracer = configure("service", enabled=False if switch == "argument" else None)
    tracer.start_span("x").finish()

    assert tracer is opentracing.tracer
    assert (False, 0, True) == (tracer.enabled, tracer.stats.finished, tracer.flush(0))
    tracer.enabled = True
    tracer.start_span("x").finish()
    assert 1 == tracer.stats.finished


@pytest.mark.parametrize("value", ["false", "1", "yes", "nonsense", ""])
def test_opentelemetrys_switch_knows_one_word(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """OTEL_SDK_DISABLED turns the tracer off only with "true", as specified; our own variable outranks it."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    assert True is configure("service").enabled
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    assert False is configure("service").enabled
    monkeypatch.setenv("ZIPKIN_ENABLED", "on")
    assert True is configure("service").enabled


def test_disabled_nobody_needs_a_name(caplog: pytest.LogCaptureFixture) -> None:
    """A disabled tracer without a name is called `unknown_service`, and a warning tells how to name it."""
    tracer = configure(enabled=False)

    assert "unknown_service" == tracer.service_name
    [message] = caplog.messages
    assert "the service has no name" in message
    assert "ZIPKIN_SERVICE_NAME" in message


SIGTERM = """
import os, signal, sys, time
{before}
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint=sys.argv[1], flush_interval=60{argument})
for number in range(500):
    tracer.start_trace("x").finish()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(5)
"""


@pytest.mark.parametrize(
    ("before", "argument", "status", "spans"),
    [
        ("", "", -15, 500),
        ("", ", handle_sigterm=False", -15, 0),
        ("signal.signal(signal.SIGTERM, lambda *_: os._exit(7))", "", 7, 0),
    ],
)
def test_sigterm_loses_no_span_and_still_ends_the_process(before: str, argument: str, status: int, spans: int) -> None:
    """SIGTERM sends the spans, and the process ends by it; another handler, or a setting, leaves the signal alone."""
    with Collector() as collector:
        code = SIGTERM.format(before=before, argument=argument)
        result = subprocess.run([sys.executable, "-c", code, collector.url], timeout=30, check=False)

        assert (status, spans) == (result.returncode, sum(map(len, collector.store.traces())))


def test_parts_go_to_the_tracer() -> None:
    """`configure` passes its parts, for instance a recorder, to the tracer."""
    recorder = InMemoryRecorder()
    tracer = configure("service", recorder=recorder, default_tags={"zone": "a"})
    tracer.start_trace("x").finish()

    assert {"zone": "a"} == recorder.spans[0].tags


def test_a_sampler_in_code_outranks_a_rate_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler and a rate in code exclude each other; a rate in the environment is ignored."""
    monkeypatch.setenv("ZIPKIN_SAMPLE_RATE", "0.5")

    assert False is configure("service", sampler=lambda trace_id: False).start_trace("x").context.sampled
