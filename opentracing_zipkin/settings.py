"""configure(): arguments over environment over defaults, and the tracer becomes the global one.

Rules: this is the only file that reads the environment.  A variable is `ZIPKIN_` and the argument's name in capitals.  A
wrong value names its variable; a variable that is no setting's but nearly is one's is told, unless Kubernetes wrote it.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

import opentracing

from .codec import encoder_named
from .instrument import by_opentelemetry, http, registry
from .log import log
from .option import (
    Option,
    WrongSetting,
    check_names,
    options_of,
    read_number,
    read_whole,
    selected,
    show,
    taken,
    type_of,
)
from .options import DEFAULT_ENDPOINT, ConfigureOptions, SendingOptions, Settings, read_limit, read_resource, read_sampler
from .parts import PART_TYPES, TracerSettings, replaced
from .process.termination import handle_sigterm, leave_sigterm
from .senders.collector_url import has_own_path, likely_path
from .senders.endpoint import HTTP, endpoints_of, kind_of, shown_target, unused_settings
from .senders.url import check_url, shown
from .tracer import ZipkinTracer

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "ConfigureSettings",
    "Effective",
    "configure",
    "configure_unasked",
    "described",
    "effective",
    "read_for_exporter",
    "span_limits",
    "tell_untaken",
]

_PREFIX = "ZIPKIN_"
_VARIABLE = "environment variable "
# A Service named "zipkin", or "zipkin-local", puts such variables into every pod.
_KUBERNETES_VALUE = re.compile(r"(?:tcp|udp|sctp)://")
_KUBERNETES_NAME = re.compile(r"(?:.*_)?(?:PORT|SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)")
_V2_PATH = "/api/v2/spans"  # in an endpoint it stands for that of any encoding
_OWN_BUNDLE = "ca_bundle= or ZIPKIN_CA_BUNDLE gives spans certificates of their own"
_OWN_PROXY = "proxy= or ZIPKIN_PROXY gives spans a proxy of their own, for instance http://proxy.example:3128"
_SYSTEMS_PROXY = "what this system has as its proxy"
_MIN_LIKENESS = 0.8  # of a misspelt name, as difflib has it: ENDPIONT is like ENDPOINT by 0.88

_TIMEOUT = "OTEL_EXPORTER_ZIPKIN_TIMEOUT"
_LEAST_MILLISECONDS = 1000  # of a time-out; less is meant as seconds

_UNKNOWN = "unknown_service"
_SHUTDOWN_S = 1.0  # an application that shuts down waits so long at most; the interpreter's exit waits again

# OpenTelemetry's limits of a span, by what `otel.TracerProvider` calls them; the first that is set counts.
_SPAN_LIMITS = {
    "max_attributes": ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    "max_events": ("OTEL_SPAN_EVENT_COUNT_LIMIT",),
    "max_links": ("OTEL_SPAN_LINK_COUNT_LIMIT",),
}
# Variables of OpenTelemetry's SDK that we do not take: names or their beginnings, values that ask for nothing, and what helps.
_UNTAKEN = (
    ("OTEL_METRICS_EXPORTER", "metrics are not made here, and go on with OpenTelemetry's SDK"),
    ("OTEL_LOGS_EXPORTER", "logs are not sent here, and go on with OpenTelemetry's SDK"),
    ("OTEL_EXPORTER_OTLP_", "spans go to ZIPKIN_ENDPOINT in Zipkin's formats; OTLP goes on with OpenTelemetry's SDK"),
    ("OTEL_TRACES_EXPORTER", "spans go to ZIPKIN_ENDPOINT; other exporters go on with OpenTelemetry's SDK"),
)
_OF_THE_DISTRO = "OTEL_EXPORTER_OTLP_PROTOCOL"  # which opentelemetry-distro sets by itself
_ASKS_NOTHING = frozenset(("", "none", "zipkin", "zipkin_json", "zipkin_proto"))

T = TypeVar("T")

_told: set[str] = set()  # the variables that were warned of
_unasked: list[weakref.ref[ZipkinTracer]] = []  # the tracers that nobody asked for in code


class ConfigureSettings(TracerSettings, ConfigureOptions, total=False):
    """All that `configure` takes beside the service's name."""


def configure(service_name: str | None = None, **given: Unpack[ConfigureSettings]) -> ZipkinTracer:
    """Build a ZipkinTracer, make it `opentracing.tracer` and return it; nothing to close, it flushes at exit.

    The arguments are the settings and parts of docs/reference/configuration.md.  One that is None is not given: then its
    variable `ZIPKIN_<NAME>` counts, then OpenTelemetry's variable where there is one, then the default.  A part (`sampler`,
    `sender`, ...) replaces a group of settings: one of these in code beside it raises, one in the environment is ignored.  The
    proxies and the CA bundle of `requests` (`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`, ...) are read here once.
    A second call replaces and closes the first tracer.  Raises ValueError that names a wrong value or variable and the remedy.
    """
    check_names("configure()", given, _ARGUMENTS)
    return _configured(service_name, given, asked=True)


def configure_unasked() -> ZipkinTracer:
    """`configure()` where tracing was not asked for in code.

    Without a name in the environment the service is called `unknown_service`, and a warning says so.  The application's own
    `configure` replaces this tracer without a word.
    """
    tracer = _configured(None, {}, asked=False)
    _unasked.append(weakref.ref(tracer))
    return tracer


class Effective(NamedTuple):
    """The settings that `configure()` would use by the environment alone.

    `given` has the settings that the environment sets, `variables` where each of them comes from, `service_name` as well.
    `wrong` has each variable that cannot be used, with the problem and the remedy; `unknown` each that means nothing and nearly
    would, with the remedy; `ignored` each that is for another sender than the endpoint's.
    """

    service_name: str
    endpoints: list[str]
    given: dict[str, Any]
    variables: dict[str, str]
    libraries: tuple[str, ...]
    wrong: list[tuple[str, str, str]]
    unknown: list[tuple[str, str]]
    ignored: list[str]


def described() -> tuple[str, str, tuple[str, ...]]:
    """By the environment alone: the service's name, where spans are sent, and which libraries would be traced by `run`.

    Raises ValueError for a value that is wrong.
    """
    found = _effective(os.environ)
    name = found.service_name or f"{_UNKNOWN}, because ZIPKIN_SERVICE_NAME is not set"
    path = encoder_named(found.given.get("encoding", "json")).path
    return name, ", ".join(shown_target(endpoint, path) for endpoint in found.endpoints), found.libraries


def effective() -> Effective:
    """By the environment alone; a variable that cannot be used is named in `wrong`, and left out."""
    environ = dict(os.environ)
    wrong: list[tuple[str, str, str]] = []
    while True:
        try:
            return _effective(environ)._replace(wrong=wrong, unknown=list(_misspelt(environ)))
        except WrongSetting as error:
            text, _, remedy = error.problem.partition("; ")
            variable = error.setting.removeprefix(_VARIABLE)
            wrong.append((variable, text, remedy))
            del environ[variable]


def _effective(environ: Mapping[str, str]) -> Effective:
    environment = _Environment(environ, {})
    name, variable = environment.named_by()
    values, variables = environment.settings, environment.variables
    try:
        endpoints = environment.read_connection({})
        own = taken("configure()", ConfigureOptions, selected(ConfigureOptions, values))
        libraries = _libraries(values.get("instrument", True), environ)
        ZipkinTracer(name or _UNKNOWN, **{name: value for name, value in values.items() if name not in own}).close(0)
    except WrongSetting as error:
        raise type(error)(f"{_VARIABLE}{variables[error.setting]}", error.problem) from None
    if name:
        variables["service_name"] = variable
    if "proxy" in values and "proxy" not in variables:
        schemes = (*(urlsplit(one).scheme for one in endpoints), "all")
        variables["proxy"] = next(filter(None, (_proxy_variable(one, environ) for one in schemes)), _SYSTEMS_PROXY)
    return Effective(name or "", endpoints, values, variables, libraries, [], [], environment.ignored)


def _configured(service_name: str | None, given: Mapping[str, Any], asked: bool) -> ZipkinTracer:
    named = {name: value for name, value in given.items() if value is not None}
    environment = _Environment(os.environ, named)
    try:
        endpoints = environment.read_connection(named)
        values = {**environment.settings, **named}
        own = taken("configure()", ConfigureOptions, selected(ConfigureOptions, values))
        libraries = _libraries(own["instrument"], os.environ)
        tracer = ZipkinTracer(
            _service_name(service_name, environment, asked and values.get("enabled", True)),
            **{name: value for name, value in values.items() if name not in own},
        )
    except WrongSetting as error:
        variable = environment.variables.get(error.setting)
        if variable is None or error.setting in named:
            raise
        raise type(error)(f"{_VARIABLE}{variable}", error.problem) from None
    _install(tracer)
    http.DEFAULT.update(
        excluded_paths=own["http_excluded_paths"] if "http_excluded_paths" in values else None,
        trust_forwarded=own["http_trust_forwarded"] if "http_trust_forwarded" in values else None,
        on_shutdown=_flush,
    )
    if libraries:
        registry.install(libraries)
    if own["handle_sigterm"]:
        handle_sigterm()
    else:
        leave_sigterm()
    _tell_own_paths(endpoints)
    _tell_misspelt(os.environ)
    return tracer


def read_for_exporter(given: Mapping[str, Any], names: Iterable[str], build: Callable[[dict[str, Any]], T]) -> T:
    """The settings `names`, as `build` makes them for an exporter of OpenTelemetry's spans: given, else the environment's.

    There OTEL_EXPORTER_ZIPKIN_TIMEOUT below 1000 is read as seconds, as OpenTelemetry's own exporter for Python did.  Raises
    ValueError that names a wrong value or variable and the remedy.
    """
    named = {name: value for name, value in given.items() if value is not None}
    options = {name: _EXPORTER_OPTIONS.get(name, _OPTIONS[name]) for name in names}
    environment = _Environment(os.environ, named, options)
    try:
        endpoints = environment.read_connection(named)
        built = build({**environment.settings, **named})
    except WrongSetting as error:
        variable = environment.variables.get(error.setting)
        if variable is None or error.setting in named:
            raise
        raise type(error)(f"{_VARIABLE}{variable}", error.problem) from None
    _tell_own_paths(endpoints)
    _tell_misspelt(os.environ)
    return built


def _read_timeout(text: str) -> float:
    """Seconds, of a variable that is in milliseconds by the specification and was in seconds for OpenTelemetry's exporter."""
    value = read_number(text)
    if value >= _LEAST_MILLISECONDS:
        return value / 1000
    if value > 0 and _TIMEOUT not in _told:  # of another the error tells
        _told.add(_TIMEOUT)
        log.warning("zipkin: %s is %s, and is read as seconds; write milliseconds, %.0f", _TIMEOUT, text, value * 1000)
    return value


def _read_milliseconds(text: str) -> float:
    """Seconds, of the same variable where nothing was in seconds before; who comes from that exporter may have some left."""
    value = read_number(text)
    if 0 < value < _LEAST_MILLISECONDS and _TIMEOUT not in _told:
        _told.add(_TIMEOUT)
        log.warning("zipkin: %s is %s, which is milliseconds; write %.0f where seconds are meant", _TIMEOUT, text, value * 1000)
    return value / 1000


class _Environment:
    """The environment's values of the settings that the code leaves open: `settings`, and the `variables` they came from.

    `named`: what the code gives.  A setting that a part replaces, or that the endpoint's sender does not have, is not read.
    `options`: the settings that are looked for.
    """

    def __init__(
        self, environ: Mapping[str, str], named: Mapping[str, Any], options: Mapping[str, Option] | None = None
    ) -> None:
        self._environ = environ
        self.settings: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        known = _OPTIONS if options is None else options
        left_out = {*named, *replaced(named)}
        if "endpoint" not in left_out:
            self._read_option("endpoint", known["endpoint"])
        unused = unused_settings(named.get("endpoint", self.settings.get("endpoint")), known)
        left_out |= {"endpoint", *unused}
        variables = [f"{_PREFIX}{name.upper()}" for name in unused if known[name].read is not None]
        self.ignored = [variable for variable in variables if self._text(variable)]
        open_ones = {name: option for name, option in known.items() if name not in left_out}
        for name, option in open_ones.items():
            self._read_option(name, option)
        if "enabled" in open_ones and "enabled" not in self.settings:
            self._tell_not_disabled()
        if "sample_rate" in open_ones and "sample_rate" not in self.settings:
            self._read_sampler()
        limit = "max_tag_length"
        if limit in open_ones and self.variables.get(limit) in (None, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"):
            self._read(limit, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", read_limit)

    def _read_option(self, name: str, option: Option) -> None:
        """By our own variable, else by the one that counts then."""
        if option.read is not None:
            self._read(name, f"{_PREFIX}{name.upper()}", option.read)
        if option.also is not None and name not in self.settings:
            self._read(name, *option.also)

    def _read_sampler(self) -> None:
        """OpenTelemetry's sampler, as far as it is a share of new traces; ours follows its caller's decision in any case."""
        variable, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
        name = self._text(variable).lower()
        rate = read_sampler(name)
        if rate is not None:
            self._add("sample_rate", variable, rate)
        elif name.endswith("traceidratio") and name.removesuffix("traceidratio") in ("", "parentbased_"):
            self._read("sample_rate", argument, read_number)
        elif name and variable not in _told:
            _told.add(variable)
            log.warning(
                "zipkin: OTEL_TRACES_SAMPLER is %r, which is none of always_on, always_off, traceidratio and these with "
                "parentbased_ before, and is ignored; ZIPKIN_SAMPLE_RATE is the share of new traces",
                self._text(variable)[:80],
            )

    def _tell_not_disabled(self) -> None:
        """Say once that OTEL_SDK_DISABLED has a value that looks as if it turned tracing off, and does not."""
        variable = "OTEL_SDK_DISABLED"
        text = self._text(variable)
        if text.lower() not in ("", "true", "false") and variable not in _told:
            _told.add(variable)
            log.warning("zipkin: %s is %r, which turns nothing off; use true, or ZIPKIN_ENABLED=false", variable, text[:80])

    def service_name(self) -> str | None:
        """By our own variable, or one of OpenTelemetry's two."""
        return self.named_by()[0]

    def named_by(self) -> tuple[str | None, str]:
        """The service's name, and the variable that has it."""
        resources = "OTEL_RESOURCE_ATTRIBUTES"
        for variable in ("ZIPKIN_SERVICE_NAME", "OTEL_SERVICE_NAME"):
            if self._text(variable):
                return self._text(variable), variable
        of_resource = (read_resource(self._text(resources)) or {}).get("service.name", "").strip()
        return of_resource or None, resources  # an empty one is an absent one here, too

    def read_connection(self, named: Mapping[str, Any]) -> list[str]:
        """Proxies and CA bundle, for which `requests` would look at every request; our sender does not look, so read once here.

        Gives the endpoints; none where a part sends.
        """
        if replaced(named).keys() & options_of(SendingOptions):
            return []
        known = {**self.settings, **named}
        endpoints = endpoints_of(known.get("endpoint", DEFAULT_ENDPOINT))
        if kind_of(endpoints[0]) != HTTP:
            return endpoints
        if "ca_bundle" not in known and any(urlsplit(one).scheme == "https" for one in endpoints):
            for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
                if "ca_bundle" not in self.settings and self._text(variable):
                    self._take_bundle(variable)
        if "proxy" not in known:
            proxies = _proxies(endpoints, self._environ)
            if proxies:
                self.settings["proxy"] = proxies
        return endpoints

    def _read(self, name: str, variable: str, read: Callable[[str], Any]) -> None:
        text = self._text(variable)
        if text:
            try:
                value = read(text)
            except ValueError as error:
                shown = "wrong" if name == "auth" else repr(text)
                raise WrongSetting(f"{_VARIABLE}{variable}", f"is {shown}; {error}") from None
            if value is not None:
                self._add(name, variable, value)

    def _take_bundle(self, variable: str) -> None:
        """Certificates that were named for others: where there are none, that is said, and those of requests count."""
        if os.path.exists(self._text(variable)):
            self._add("ca_bundle", variable, self._text(variable))
        else:
            log.warning("zipkin: the environment variable %s names no existing file, and is ignored; %s", variable, _OWN_BUNDLE)

    def _add(self, name: str, variable: str, value: Any) -> None:
        self.settings[name] = value
        self.variables[name] = variable

    def _text(self, variable: str) -> str:
        """A variable's value; an empty one is an absent one, and one of Kubernetes' is none of ours."""
        text = self._environ.get(variable, "").strip()
        return "" if _KUBERNETES_VALUE.match(text) else text


def span_limits() -> dict[str, int]:
    """The most attributes, events and links of a span, as far as OpenTelemetry's variables give them.

    Raises ValueError that names a wrong variable.
    """
    limits: dict[str, int] = {}
    for name, variables in _SPAN_LIMITS.items():
        for variable in variables:
            text = os.environ.get(variable, "").strip()
            if text:
                try:
                    limits[name] = max(0, read_whole(text))
                except ValueError as error:
                    raise ValueError(f"environment variable {variable} is {text!r}; {error}") from None
                break
    return limits


def tell_untaken() -> None:
    """Say once what the environment asks of OpenTelemetry's SDK and gets from nobody here, and where it goes on working."""
    for start, remedy in _UNTAKEN:
        asked = [
            variable
            for variable, text in sorted(os.environ.items())
            if variable.startswith(start) and variable != _OF_THE_DISTRO and text.strip().lower() not in _ASKS_NOTHING
        ]
        if asked and start not in _told:
            _told.add(start)
            log.warning("zipkin: %s: not taken; %s", ", ".join(asked), remedy)


def _service_name(argument: str | None, environment: _Environment, required: bool) -> str:
    name = environment.service_name() if argument is None else argument
    if name is not None:
        return name
    remedy = "give it as configure('checkout') or in the environment variable ZIPKIN_SERVICE_NAME"
    if required:
        raise ValueError(f"service_name is missing; {remedy}")
    log.warning("zipkin: the service has no name, and is called %s; %s", _UNKNOWN, remedy)
    return _UNKNOWN


def _proxies(endpoints: list[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Each collector's proxy by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as requests understands them.

    They were set for others, so one that we cannot use is told, and no more.
    """
    proxies: dict[str, str] = {}
    for endpoint in endpoints:
        found = get_environ_proxies(endpoint)
        proxy = (select_proxy(endpoint, found) or "").strip()
        parts = urlsplit(endpoint)
        try:
            if proxy:
                url = proxy if "://" in proxy else f"http://{proxy.lstrip('/')}"
                proxies[f"{parts.scheme}://{parts.hostname}"] = check_url("proxy", url, _OWN_PROXY)
        except WrongSetting:
            variable = _proxy_variable(parts.scheme if parts.scheme in found else "all", environ)
            source = f"the {_VARIABLE}{variable}" if variable else _SYSTEMS_PROXY
            log.warning(
                "zipkin: %s is no URL of an HTTP proxy, and %s is asked without it; %s", source, shown(endpoint), _OWN_PROXY
            )
    return proxies


def _proxy_variable(scheme: str, environ: Mapping[str, str]) -> str:
    """The variable that has the proxy of a scheme, "" where none has; of two spellings the one in lower case counts."""
    name = f"{scheme}_proxy"
    names = sorted((one for one in environ if one.lower() == name and environ[one]), key=str.isupper)
    return names[0] if names else ""


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
    """Before one of OpenTelemetry's instrumentations is switched on; gives what undoes it."""
    from .otel.installing import give_way, stand_in

    stand_in()
    return give_way


def _flush() -> object:
    """When an application shuts down: send what waits, in a thread that may wait."""
    tracer = opentracing.global_tracer()
    return tracer.flush(_SHUTDOWN_S) if isinstance(tracer, ZipkinTracer) else None


def _install(tracer: opentracing.Tracer) -> None:
    former = opentracing.global_tracer()
    if isinstance(former, ZipkinTracer):
        if not former.gives_way and not any(unasked() is former for unasked in _unasked):
            log.warning("zipkin: configure() was called again: %r is closed and replaced", former)
        former.close()
    opentracing.set_global_tracer(tracer)


def _tell_own_paths(endpoints: list[str]) -> None:
    """Say of each path that is used as it is and has no query that it is no prefix: with a query nobody takes it for one."""
    for endpoint in endpoints:
        parts = urlsplit(endpoint)
        if kind_of(endpoint) == HTTP and has_own_path(endpoint) and not parts.query:
            log.info(
                "zipkin: spans are posted to %s exactly as it is; if its path is the prefix of a Zipkin server, use %s",
                shown(endpoint),
                shown(parts._replace(path=likely_path(endpoint, _V2_PATH)).geturl()),
            )


def _tell_misspelt(environ: Mapping[str, str]) -> None:
    """Warn of each variable that means nothing, but nearly would; once in a process."""
    for variable, meant in _misspelt(environ):
        if variable not in _told:
            _told.add(variable)
            log.warning("zipkin: the environment variable %s means nothing; %s", variable, meant)


def _misspelt(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each variable that means nothing, but nearly would, and the remedy."""
    for variable, text in environ.items():
        if variable.startswith(_PREFIX) and not _is_kubernetes(variable, text):
            meant = _meant(variable.removeprefix(_PREFIX))
            if meant:
                yield variable, meant


def _is_kubernetes(variable: str, text: str) -> bool:
    name = variable.removeprefix(_PREFIX)
    return name.lower() not in _OPTIONS and (
        _KUBERNETES_NAME.fullmatch(name) is not None or _KUBERNETES_VALUE.match(text) is not None
    )


def _meant(name: str) -> str:
    """The remedy for a variable's name, without its prefix; "" for one that is right, or like none of ours."""
    readable = ["SERVICE_NAME", *(setting.upper() for setting, option in _OPTIONS.items() if option.read is not None)]
    if name in readable:
        return ""
    if name.lower() in _OPTIONS:
        return f"{name.lower()} can be given in code only"
    import difflib  # here, because it takes 7 ms and is rarely needed

    near = difflib.get_close_matches(name, readable, 1, _MIN_LIKENESS)
    return f"did you mean {_PREFIX}{near[0]}?" if near else ""


_OPTIONS = {**options_of(Settings), **options_of(ConfigureOptions)}
_OPTIONS["send_timeout"] = _OPTIONS["send_timeout"].read_also(_TIMEOUT, _read_milliseconds)
# For an exporter one of them is read in another way.
_EXPORTER_OPTIONS = {"send_timeout": _OPTIONS["send_timeout"].read_also(_TIMEOUT, _read_timeout)}
_ARGUMENTS = (*_OPTIONS, *PART_TYPES)

show(
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
