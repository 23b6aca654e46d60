"""configure(): arguments over environment over defaults, and the tracer becomes the global one.

Rules: the values of the environment come from environment.py.  A wrong value raises an error that names the argument or the
variable, and the remedy.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import opentracing

from .codec import encoder_named
from .environment import EXPORTER_OPTIONS, OPTIONS, Environment, misspelt_variables, variable_of_proxies, warn_of_misspelt
from .instrument import by_opentelemetry, http, registry
from .log import log
from .option import WrongSetting, check_group, check_names, options_of, selected, show_arguments, type_of
from .options import ConfigureOptions, Settings
from .parts import PART_TYPES, TracerSettings
from .process.termination import handle_signals, leave_signals
from .senders.collector_url import has_own_path, likely_path
from .senders.endpoint import HTTP, kind_of, shown_target
from .senders.url import shown
from .tracer import ZipkinTracer

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "ConfigureSettings",
    "Effective",
    "configure",
    "configure_by_environment",
    "describe_environment",
    "effective",
    "read_for_exporter",
]

_V2_PATH = "/api/v2/spans"  # in an endpoint it stands for the path of any encoding

_UNKNOWN = "unknown_service"

T = TypeVar("T")

_by_environment: list[weakref.ref[ZipkinTracer]] = []  # the tracers that the code did not ask for


class ConfigureSettings(TracerSettings, ConfigureOptions, total=False):
    """All arguments of `configure` except the service's name."""


def configure(service_name: str | None = None, **given: Unpack[ConfigureSettings]) -> ZipkinTracer:
    """Build a ZipkinTracer, make it `opentracing.tracer` and return it.  It need not be closed: it flushes at exit.

    The arguments are the settings and parts of docs/reference/configuration.md.  For an argument that is None, its variable
    `ZIPKIN_<NAME>` counts, then OpenTelemetry's variable if there is one, then the default.  A part (`sampler`, `sender`, ...)
    replaces a group of settings: a setting of this group raises if the code gives it, and is ignored in the environment.  The
    proxies and the CA bundle of `requests` (`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`, ...) are read here, once.
    A second call replaces and closes the first tracer.  Raises ValueError that names a wrong value or variable and the remedy.
    """
    check_names("configure()", given, _ARGUMENTS)
    return _configured(service_name, given, asked=True)


def configure_by_environment() -> ZipkinTracer:
    """`configure()` for a process whose code does not ask for tracing.

    Without a name in the environment the service is called `unknown_service`, and a warning says so.  The application's own
    `configure` replaces this tracer without a warning.
    """
    tracer = _configured(None, {}, asked=False)
    _by_environment.append(weakref.ref(tracer))
    return tracer


class Effective(NamedTuple):
    """The settings that `configure()` would use by the environment alone.

    `given` has the settings that the environment sets; `variables` the variable of each of them, and of `service_name`.
    `wrong` has each variable that cannot be used, with the problem and the remedy, "" for none.  `unknown` has each variable
    that has no meaning, but is nearly one of ours, with the remedy.  `ignored` has each variable of another sender than that of
    the endpoint.
    """

    service_name: str
    endpoints: list[str]
    given: dict[str, Any]
    variables: dict[str, str]
    libraries: tuple[str, ...]
    wrong: list[tuple[str, str, str]]
    unknown: list[tuple[str, str]]
    ignored: list[str]


def describe_environment() -> tuple[str, str, tuple[str, ...]]:
    """By the environment alone: the service's name, the targets of spans, and the libraries that `run` would trace.

    Raises ValueError for a wrong value.
    """
    found = _effective(os.environ)
    name = found.service_name or f"{_UNKNOWN}, because ZIPKIN_SERVICE_NAME is not set"
    path = encoder_named(found.given.get("encoding", "json")).path
    return name, ", ".join(shown_target(endpoint, path) for endpoint in found.endpoints), found.libraries


def effective() -> Effective:
    """The settings by the environment alone; a variable that cannot be used is in `wrong`, and has no effect."""
    environ = dict(os.environ)
    wrong: list[tuple[str, str, str]] = []
    while True:
        try:
            return _effective(environ)._replace(wrong=wrong, unknown=list(misspelt_variables(environ)))
        except WrongSetting as error:
            wrong.append((error.variable, *_problem_and_remedy(error.problem)))
            del environ[error.variable]


def _problem_and_remedy(text: str) -> tuple[str, str]:
    """The text of a WrongSetting before and after its first semicolon that is not within the quotes of a value."""
    parts = re.finditer(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|; """, text)
    end = next((part.start() for part in parts if part[0] == "; "), len(text))
    return text[:end], text[end + 2 :]


def _effective(environ: Mapping[str, str]) -> Effective:
    environment = Environment(environ, {})
    name, variable = environment.service_name()
    values, variables = environment.settings, environment.variables
    with environment.naming_variables():
        endpoints = environment.read_connection()
        own = check_group("configure()", ConfigureOptions, selected(ConfigureOptions, values))
        libraries = _libraries(values.get("instrument", True), environ)
        ZipkinTracer(name or _UNKNOWN, **{name: value for name, value in values.items() if name not in own}).close(0)
    if name:
        variables["service_name"] = variable
    if "proxy" in values and "proxy" not in variables:
        variables["proxy"] = variable_of_proxies(endpoints, environ)
    return Effective(name or "", endpoints, values, variables, libraries, [], [], environment.ignored)


def _configured(service_name: str | None, given: Mapping[str, Any], asked: bool) -> ZipkinTracer:
    named = {name: value for name, value in given.items() if value is not None}
    environment = Environment(os.environ, named)
    with environment.naming_variables():
        endpoints = environment.read_connection()
        values = {**environment.settings, **named}
        own = check_group("configure()", ConfigureOptions, selected(ConfigureOptions, values))
        libraries = _libraries(own["instrument"], os.environ)
        tracer = ZipkinTracer(
            _service_name(service_name, environment, asked and values.get("enabled", True)),
            **{name: value for name, value in values.items() if name not in own},
        )
    _install(tracer)
    http.DEFAULT.update(
        excluded_paths=own["http_excluded_paths"] if "http_excluded_paths" in values else None,
        trust_forwarded=own["http_trust_forwarded"] if "http_trust_forwarded" in values else None,
        on_shutdown=_flush,
    )
    if libraries:
        registry.install(libraries)
    if own["handle_sigterm"]:
        handle_signals()
    else:
        leave_signals()
    _log_own_paths(endpoints)
    warn_of_misspelt()
    return tracer


def read_for_exporter(given: Mapping[str, Any], names: Iterable[str], build: Callable[[dict[str, Any]], T]) -> T:
    """Call `build` with the settings `names`, given or from the environment, for an exporter of OpenTelemetry's spans.

    A value of OTEL_EXPORTER_ZIPKIN_TIMEOUT below 1000 is read as seconds, as OpenTelemetry's own exporter for Python reads it.
    Raises ValueError that names a wrong value or variable and the remedy.
    """
    named = {name: value for name, value in given.items() if value is not None}
    environment = Environment(os.environ, named, {name: EXPORTER_OPTIONS[name] for name in names})
    with environment.naming_variables():
        endpoints = environment.read_connection()
        built = build({**environment.settings, **named})
    _log_own_paths(endpoints)
    warn_of_misspelt()
    return built


def _service_name(argument: str | None, environment: Environment, required: bool) -> str:
    name = environment.service_name()[0] if argument is None else argument
    if name is not None:
        return name
    remedy = "give it as configure('checkout') or in the environment variable ZIPKIN_SERVICE_NAME"
    if required:
        raise ValueError(f"service_name is missing; {remedy}")
    log.warning("zipkin: the service has no name, and is called %s; %s", _UNKNOWN, remedy)
    return _UNKNOWN


def _libraries(instrument: bool | tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, ...]:
    if instrument:
        registry.add_opentelemetry(by_opentelemetry.find(_use_opentelemetry), _use_opentelemetry)
    try:
        return registry.chosen_by(
            instrument, by_opentelemetry.disabled_names(environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", ""))
        )
    except ValueError as error:
        raise WrongSetting("instrument", str(error)) from None


def _use_opentelemetry() -> Callable[[], None]:
    """Prepare for OpenTelemetry's instrumentations, and return the function that undoes this."""
    from .otel.installing import install_provisionally, undo_provisional_install

    install_provisionally()
    return undo_provisional_install


def _flush() -> object:
    """Send the waiting spans of an application that shuts down; called in a thread that may wait."""
    tracer = opentracing.global_tracer()
    return tracer.flush_at_shutdown() if isinstance(tracer, ZipkinTracer) else None


def _install(tracer: opentracing.Tracer) -> None:
    former = opentracing.global_tracer()
    if isinstance(former, ZipkinTracer):
        if not former.gives_way and not any(tracer() is former for tracer in _by_environment):
            log.warning("zipkin: configure() was called again: %r is closed and replaced", former)
        former.close()
    opentracing.set_global_tracer(tracer)


def _log_own_paths(endpoints: list[str]) -> None:
    """Log each path that is used as it is, for a user who means the prefix of a server.  One with a query means no prefix."""
    for endpoint in endpoints:
        parts = urlsplit(endpoint)
        if kind_of(endpoint) == HTTP and has_own_path(endpoint) and not parts.query:
            log.info(
                "zipkin: spans are posted to %s exactly as it is; if its path is the prefix of a Zipkin server, use %s",
                shown(endpoint),
                shown(parts._replace(path=likely_path(endpoint, _V2_PATH)).geturl()),
            )


_ARGUMENTS = (*OPTIONS, *PART_TYPES)

show_arguments(
    cast("Any", configure),
    {
        "service_name": str | None,
        **{name: type_of(Settings, name) for name in options_of(Settings)},
        **PART_TYPES,
        **{name: type_of(ConfigureOptions, name) for name in options_of(ConfigureOptions)},
        "return": ZipkinTracer,
    },
    {},
)
