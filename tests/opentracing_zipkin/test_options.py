"""Settings: each declared one can be given in code and in the environment, is checked by its part, and shows in help.

Each table here is made from the declarations, so the tests cover a new setting, too.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import typing
from collections.abc import Callable
from typing import Any

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer, configure, sampling
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.option import Option, options_of
from opentracing_zipkin.options import (
    ConfigureOptions,
    ConnectionOptions,
    EndpointOptions,
    KafkaOnlyOptions,
    KafkaOptions,
    LinkOptions,
    PropagationOptions,
    ReporterOptions,
    ReportingOptions,
    SamplingOptions,
    SendingOptions,
    Settings,
    TracerOptions,
)
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.reporter import Reporter
from opentracing_zipkin.senders.http import HttpSender
from opentracing_zipkin.senders.kafka import KafkaSender
from opentracing_zipkin.senders.rabbitmq import RabbitmqSender
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder

pytestmark = pytest.mark.usefixtures("no_settings")

ALL: dict[str, Option] = {**options_of(Settings), **options_of(ConfigureOptions)}
NONSENSE = "☃"  # a wrong value for every setting: no number, URL, path, address, header name, pair, or word of a choice
PARTS = ("sampler", "propagation", "sender", "recorder", "clock", "scope_manager")

# A part, and the settings that it replaces.
REPLACED: dict[str, tuple[Callable[[], object], tuple[type, ...]]] = {
    "sampler": (lambda: sampling.always, (SamplingOptions,)),
    "propagation": (B3Propagation, (PropagationOptions,)),
    "sender": (FakeSender, (SendingOptions,)),
    "recorder": (InMemoryRecorder, (SendingOptions, ReportingOptions)),
}
# For each endpoint that chooses a sender: the settings of that sender.
OF_SENDERS: dict[str, set[str]] = {
    "http://127.0.0.1:9": set(options_of(ConnectionOptions)),
    "https://127.0.0.1:9": set(options_of(ConnectionOptions)),
    "kafka://127.0.0.1:9": set(options_of(KafkaOptions)),
    "amqp://127.0.0.1:9": set(options_of(LinkOptions)),
    "amqps://127.0.0.1:9": set(options_of(LinkOptions)),
    "console:": set(),
}
ALL_OF_SENDERS = set(options_of(SendingOptions)) - set(options_of(EndpointOptions))
FOR_BROKERS = set(options_of(KafkaOnlyOptions))
NOT_CHOSEN = [(url, name) for url, own in OF_SENDERS.items() for name in sorted(ALL_OF_SENDERS - own)]
BESIDE = [(part, name) for part, (_, groups) in REPLACED.items() for group in groups for name in options_of(group)]

OF_PARTS: dict[str, tuple[type, Callable[..., object]]] = {
    "Reporter": (ReporterOptions, lambda **given: Reporter(json_v2, FakeSender(), **given)),
    "HttpSender": (ConnectionOptions, lambda **given: HttpSender(None, "/", "text/plain", **given)),
    "KafkaSender": (KafkaOptions, lambda **given: KafkaSender("kafka://127.0.0.1:9", **given)),
    "RabbitmqSender": (LinkOptions, lambda **given: RabbitmqSender("amqp://127.0.0.1:9", **given)),
    "HttpSender, its endpoint": (SendingOptions, lambda endpoint=None: HttpSender(endpoint, "/", "text/plain")),
    "B3Propagation": (PropagationOptions, B3Propagation),
    "boundary": (SamplingOptions, lambda sample_rate=1.0: sampling.boundary(sample_rate)),
    "ZipkinTracer": (Settings, lambda **given: ZipkinTracer("service", **given)),
    "configure": (Settings, lambda **given: configure("service", **given)),
    "configure, its own": (ConfigureOptions, lambda **given: configure("service", **given)),
}
ONE_SETTING = {"HttpSender, its endpoint": ["endpoint"], "boundary": ["sample_rate"]}
CHECKED = [(part, name) for part, (group, _) in OF_PARTS.items() for name in ONE_SETTING.get(part, options_of(group))]


# One rule for parts and settings


@pytest.mark.parametrize("value", ["its default", "nonsense"])
@pytest.mark.parametrize(("part", "name"), BESIDE)
def test_a_setting_in_code_beside_the_part_that_replaces_its_group_raises(part: str, name: str, value: str) -> None:
    """A part in code and a setting that it replaces, with any value, raise an error that names both."""
    make, groups = REPLACED[part]
    option = ALL[name]
    given = NONSENSE if value == "nonsense" or option.default is None else option.default
    for construct in (ZipkinTracer, configure):
        with pytest.raises(ValueError, match=rf"^{part} excludes {name}; give it to the {part}"):
            construct("service", **{part: make(), name: given})
    assert groups
    assert False is opentracing.is_global_tracer_registered()


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, name in BESIDE if ALL[name].read is not None])
def test_a_setting_in_the_environment_beside_the_part_that_replaces_its_group_is_ignored(
    monkeypatch: pytest.MonkeyPatch, part: str, name: str
) -> None:
    """A variable of a setting that a part in code replaces is ignored."""
    monkeypatch.setenv(f"ZIPKIN_{name.upper()}", NONSENSE)
    tracer = configure("service", **{part: REPLACED[part][0]()})  # type: ignore[misc]

    assert tracer is opentracing.tracer


@pytest.mark.parametrize("name", [name for name, option in ALL.items() if option.read is not None])
def test_a_part_that_is_none_was_not_given(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A part that is None is not given: the environment counts, and the error for its wrong value chains no secret."""
    variable = f"ZIPKIN_{name.upper()}"
    if name in FOR_BROKERS:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", "kafka://me:word@127.0.0.1:9")
    monkeypatch.setenv(variable, NONSENSE)
    for nothing in ({}, dict.fromkeys(PARTS), {name: None}):
        with pytest.raises(ValueError, match=f"^environment variable {variable} ") as caught:
            configure("service", **nothing)  # type: ignore[arg-type]
        assert caught.value.__cause__ is None
        assert True is caught.value.__suppress_context__ or caught.value.__context__ is None
    assert False is opentracing.is_global_tracer_registered()


def test_none_is_not_given_for_every_argument() -> None:
    """A tracer with None for every argument is the tracer of all defaults."""
    every = dict.fromkeys((*ALL, *PARTS))
    plain, of_none = configure("service"), configure("service", **every)  # type: ignore[arg-type]
    tracer = ZipkinTracer("service", **{name: None for name in every if name not in options_of(ConfigureOptions)})  # type: ignore[arg-type]

    assert repr(plain).replace("closed", "idle") == repr(of_none) == repr(tracer)
    assert True is tracer.start_trace("x").context.sampled


@pytest.mark.parametrize(
    ("setting", "variable", "nothing"),
    [
        ("sample_rate", "0", {"sampler": None}),
        ("b3_format", "single", {"propagation": None}),
        ("auth", "user:word", {"sender": None, "recorder": None}),
        ("encoding", "thrift", {"recorder": None}),
    ],
)
def test_the_environment_counts_where_a_part_is_none(
    monkeypatch: pytest.MonkeyPatch, setting: str, variable: str, nothing: dict[str, None]
) -> None:
    """Where a part is None, the environment counts as if the part was not named."""
    monkeypatch.setenv(f"ZIPKIN_{setting.upper()}", variable)
    tracer: Any = configure("service", **nothing)  # type: ignore[arg-type]
    sender = tracer._recorder._sender
    told = {
        "sample_rate": {True: "1", False: "0"}[tracer.start_trace("x").context.sampled],
        "b3_format": "single" if "b3" in tracer.trace_context_to_text(tracer.start_trace("x").context)[0] else "multi",
        "auth": ":".join(sender._auth or ()),
        "encoding": "thrift" if sender.urls[0].endswith("/api/v1/spans") else "json",
    }

    assert variable == told[setting]


@pytest.mark.parametrize(("endpoint", "name"), NOT_CHOSEN)
def test_a_setting_in_code_of_a_sender_that_is_not_chosen_raises(endpoint: str, name: str) -> None:
    """A setting in code of a sender that is not chosen raises an error with the setting, the scheme and its senders."""
    scheme = endpoint.removesuffix("127.0.0.1:9")
    for construct in (ZipkinTracer, configure):
        with pytest.raises(
            ValueError, match=rf"^{name} cannot be used with an endpoint that begins with {scheme}; leave it out, or use an"
        ) as caught:
            construct("service", **{"endpoint": endpoint, name: NONSENSE})  # type: ignore[arg-type]
        for url, own in OF_SENDERS.items():
            assert (name in own) is (url.removesuffix("127.0.0.1:9") in str(caught.value).partition("use an ")[2])
    assert False is opentracing.is_global_tracer_registered()


@pytest.mark.parametrize("name", sorted(FOR_BROKERS | {"headers", "proxy"}))
def test_a_setting_of_a_sender_that_the_environment_has_not_chosen_raises(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A setting in code that cannot be used raises, also where the environment chooses the endpoint."""
    monkeypatch.setenv("ZIPKIN_ENDPOINT", "console:")
    with pytest.raises(ValueError, match=f"^{name} cannot be used with an endpoint that begins with console:; "):
        configure("service", **{name: NONSENSE})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [(url, name) for url, name in NOT_CHOSEN if ALL[name].read],
)
def test_a_setting_in_the_environment_of_a_sender_that_is_not_chosen_is_ignored(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, name: str
) -> None:
    """A variable of a sender that is not chosen is ignored, whatever its value."""
    monkeypatch.setenv(f"ZIPKIN_{name.upper()}", NONSENSE)

    assert configure("service", endpoint=endpoint) is opentracing.tracer
    monkeypatch.setenv("ZIPKIN_ENDPOINT", endpoint)
    assert configure("service") is opentracing.tracer


# Each part checks its own group of settings, in whatever way it is constructed


@pytest.mark.parametrize(("part", "name"), CHECKED)
def test_a_part_refuses_a_wrong_value_of_its_group(part: str, name: str) -> None:
    """A part raises ValueError, which begins with the setting's name, for a wrong value."""
    with pytest.raises(ValueError, match=f"^{name} "):
        OF_PARTS[part][1](**{name: object()})


@pytest.mark.parametrize("part", [part for part in OF_PARTS if "," not in part and part != "boundary"])
def test_a_name_that_no_setting_has_is_told_with_the_right_one(part: str) -> None:
    """An unknown argument raises TypeError that names the right one."""
    group, construct = OF_PARTS[part]
    name = next(name for name in options_of(group) if "_" in name)
    with pytest.raises(TypeError, match=rf"^{part}\(\) has no argument '{name}s'; did you mean '{name}'\?"):
        construct(**{name + "s": 1})


NUMBERS = [
    name for name, option in ALL.items() if isinstance(option.default, (int, float)) and type(option.default) is not bool
]


@pytest.mark.parametrize("value", ["0.5", "1", True, float("nan"), float("inf"), -1, 1 << 62, [1]])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_a_number_within_bounds(name: str, value: Any) -> None:
    """A number may be neither text, a bool, nan nor out of bounds."""
    with pytest.raises(ValueError, match=rf"^{name} is .*; use ") as caught:
        ZipkinTracer("service", **{name: value})
    assert ("not text" in str(caught.value)) is (isinstance(value, str) and name != "trace_id_bits")


@pytest.mark.parametrize("name", [name for name in NUMBERS if type(ALL[name].default) is int and name != "trace_id_bits"])
def test_a_whole_number_has_no_fraction(name: str) -> None:
    """A whole number may be 7.0, but not 1.5."""
    assert 7 == ALL[name].check(name, 7.0)
    with pytest.raises(ValueError, match=rf"^{name} is 1.5; use a whole number"):
        ALL[name].check(name, 1.5)


# The signatures and texts that people and tools see


@pytest.mark.parametrize("function", [configure, ZipkinTracer])
def test_help_shows_every_argument_with_its_type(function: Any) -> None:
    """`help` and `inspect.signature` show all arguments; those of `configure` are None, as the environment may set them."""
    parameters = dict(inspect.signature(function).parameters)
    settings = {**options_of(Settings), **(options_of(ConfigureOptions) if function is configure else {})}

    assert {"service_name", *settings, *PARTS} == set(parameters)
    for name, option in settings.items():
        expected = None if function is configure else option.default
        assert expected == parameters[name].default
        assert inspect.Parameter.KEYWORD_ONLY is parameters[name].kind
    hints = typing.get_type_hints(function if function is configure else ZipkinTracer.__init__)
    assert float | None == hints["sample_rate"] == parameters["sample_rate"].annotation
    assert hints.keys() >= {"service_name", "return", *settings, *PARTS}


def test_the_source_that_tools_show_is_ours() -> None:
    """Tools show the source of our function, not of the function that stands for its signature."""
    assert inspect.getsource(configure).startswith("def configure(")
    assert "check_names" in inspect.getsource(ZipkinTracer.__init__)


def test_every_setting_has_a_meaning() -> None:
    """Each setting has a text, from which the manual's table is made."""
    assert [] == [name for name, option in ALL.items() if not option.meaning]


def test_no_setting_has_a_name_that_kubernetes_gives() -> None:
    """No setting has the name of a variable that a Kubernetes Service named "zipkin" makes, such as `ZIPKIN_PORT`."""
    assert {"host", "port", "service_host", "service_port"}.isdisjoint(ALL)
    assert set(options_of(TracerOptions)) < set(ALL)


# Variables that mean nothing


MISSPELT = [
    ("ZIPKIN_ENDPIONT", "ZIPKIN_ENDPOINT"),
    ("ZIPKIN_SAMPLERATE", "ZIPKIN_SAMPLE_RATE"),
    ("ZIPKIN_SERVICENAME", "ZIPKIN_SERVICE_NAME"),
    ("ZIPKIN_FLUSH_INTERVALL", "ZIPKIN_FLUSH_INTERVAL"),
    *[(f"ZIPKIN_{name.upper()}S", f"ZIPKIN_{name.upper()}") for name in ("auth", "max_tag_length", "enabled", "proxy")],
]


def in_a_process(code: str, **environment: str) -> list[str]:
    """The standard error of a process, where warnings go if the application configures no logging."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ZIPKIN_", "OTEL_"))}
    command = [sys.executable, "-c", f"import opentracing_zipkin\n{code}"]
    done = subprocess.run(command, env={**clean, **environment}, capture_output=True, text=True, timeout=30, check=True)
    return done.stderr.splitlines()


def test_a_variable_that_is_nearly_a_settings_is_told_once_with_the_right_name() -> None:
    """A misspelt variable is told once; one that resembles no setting belongs to others."""
    code = "opentracing_zipkin.configure('a')\nopentracing_zipkin.configure('b')"
    told = in_a_process(code, **dict.fromkeys([wrong for wrong, _ in MISSPELT], "x"), ZIPKIN_COLOUR="blue")

    expected = [f"zipkin: the environment variable {wrong} has no effect; did you mean {right}?" for wrong, right in MISSPELT]
    assert sorted(expected) == sorted(line for line in told if "has no effect" in line)


def test_a_variable_of_a_setting_that_only_code_can_give_says_so() -> None:
    """A variable for an argument that only code can give, such as `ZIPKIN_HEADERS`, gets a warning."""
    only_code = [name for name, option in ALL.items() if option.read is None]
    told = in_a_process("opentracing_zipkin.configure('service')", **{f"ZIPKIN_{name.upper()}": "x" for name in only_code})

    assert "headers" in only_code
    assert sorted(
        f"zipkin: the environment variable ZIPKIN_{name.upper()} has no effect; {name} can be given in code only"
        for name in only_code
    ) == sorted(told)


KUBERNETES = {
    f"ZIPKIN{service}_{name}": value
    for service in ("", "_LOCAL", "_PROXY", "_AUTH", "_ENDPOINT")
    for name, value in {
        "PORT": "tcp://10.0.0.1:9411",
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "9411",
        "SERVICE_PORT_HTTP": "9411",
        "PORT_9411_TCP": "tcp://10.0.0.1:9411",
        "PORT_9411_TCP_ADDR": "10.0.0.1",
        "PORT_9411_TCP_PORT": "9411",
        "PORT_9411_TCP_PROTO": "tcp",
        "PORT_53_UDP": "udp://10.0.0.1:53",
    }.items()
}


def test_kubernetes_variables_never_warn() -> None:
    """A variable of Kubernetes never warns, even with a setting's name, as `ZIPKIN_LOCAL_PORT` of a Service "zipkin-local"."""
    assert "ZIPKIN_LOCAL_PORT" in KUBERNETES
    assert [] == in_a_process("opentracing_zipkin.configure('service')", **KUBERNETES)


def test_a_variable_that_bears_a_settings_name_is_that_setting() -> None:
    """`ZIPKIN_LOCAL_PORT` with a plain number is the setting of that name."""
    code = "import sys; sys.stderr.write(str(opentracing_zipkin.configure('service')._local.port))"

    assert ["8080"] == in_a_process(code, ZIPKIN_LOCAL_PORT="8080")


# Importing


def test_the_package_imports_nothing_until_a_name_is_asked_for() -> None:
    """The package imports nothing until a name is used, so gevent may patch after it, and `requests` costs nothing."""
    code = """
import sys
before = set(sys.modules)
import opentracing_zipkin
print(sorted({'requests', 'urllib3', 'ssl', 'socket', 'threading', 'logging', 'opentracing'} & (set(sys.modules) - before)))
print(sorted(opentracing_zipkin.__all__) == sorted(set(dir(opentracing_zipkin)) & set(opentracing_zipkin.__all__)))
from opentracing_zipkin import *
print(ZipkinTracer.__name__, configure.__name__, Endpoint.__name__)
try:
    opentracing_zipkin.nothing
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert [
        "[]",
        "True",
        "ZipkinTracer configure Endpoint",
        "module 'opentracing_zipkin' has no attribute 'nothing'",
    ] == done.stdout.splitlines()
