"""The environment as settings: our own variables, those of OpenTelemetry and of `requests`, and misspelt ones.

Rules: this is the only file that reads variables into settings.  A variable is `ZIPKIN_` and the argument's name in capitals.
A wrong value raises WrongSetting with the variable's name.  A variable that has no meaning, but is nearly one of ours, gets
a warning, unless Kubernetes wrote it.  Each warning is logged once in a process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from .log import is_first, log
from .option import Option, WrongSetting, options_of, read_number, read_whole
from .options import (
    DEFAULT_ENDPOINT,
    MIN_MILLISECONDS,
    OTEL_TIMEOUT,
    ConfigureOptions,
    SendingOptions,
    Settings,
    read_limit,
    read_resource,
    read_sampler,
)
from .parts import replaced
from .senders.endpoint import HTTP, endpoints_of, kind_of, unused_settings
from .senders.url import check_url, shown

__all__ = [
    "EXPORTER_OPTIONS",
    "OPTIONS",
    "Environment",
    "misspelt_variables",
    "span_limits",
    "variable_of_proxies",
    "warn_of_misspelt",
    "warn_of_unsupported",
]

_PREFIX = "ZIPKIN_"
# A Service named "zipkin", or "zipkin-local", puts such variables into every pod.
_KUBERNETES_VALUE = re.compile(r"(?:tcp|udp|sctp)://")
_KUBERNETES_NAME = re.compile(r"(?:.*_)?(?:PORT|SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)")
_MIN_LIKENESS = 0.8  # of a misspelt name, by difflib: ENDPIONT is like ENDPOINT by 0.88

_OWN_BUNDLE = "ca_bundle= or ZIPKIN_CA_BUNDLE gives spans certificates of their own"
_OWN_PROXY = "proxy= or ZIPKIN_PROXY gives spans a proxy of their own, for instance http://proxy.example:3128"
_SYSTEM_PROXY = "the proxy in this system's settings"

# OpenTelemetry's limits of a span, by their names in `otel.TracerProvider`; the first variable that is set counts.
_SPAN_LIMITS = {
    "max_attributes": ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    "max_events": ("OTEL_SPAN_EVENT_COUNT_LIMIT",),
    "max_links": ("OTEL_SPAN_LINK_COUNT_LIMIT",),
}
# Variables of OpenTelemetry's SDK that have no effect here: the beginnings of their names, and the remedy.
_UNSUPPORTED = (
    ("OTEL_METRICS_EXPORTER", "this package makes no metrics; set up OpenTelemetry's SDK for them"),
    ("OTEL_LOGS_EXPORTER", "this package sends no logs; set up OpenTelemetry's SDK for them"),
    ("OTEL_EXPORTER_OTLP_", "spans go to ZIPKIN_ENDPOINT in Zipkin's formats; set up OpenTelemetry's SDK for OTLP"),
    ("OTEL_TRACES_EXPORTER", "spans go to ZIPKIN_ENDPOINT; set up OpenTelemetry's SDK for other exporters"),
)
_SET_BY_DISTRO = "OTEL_EXPORTER_OTLP_PROTOCOL"  # opentelemetry-distro sets it in every process
_ASK_FOR_NOTHING = frozenset(("", "none", "zipkin", "zipkin_json", "zipkin_proto"))


class Environment:
    """The environment's values of the settings that the code leaves open: `settings`, and the `variables` they came from.

    `given`: the settings and parts that the code gives.  A setting that a part replaces, or that the endpoint's sender does not
    have, is not read; of these, the variables that are set are in `ignored`.  `options`: the settings to look for, by default
    all.  Raises WrongSetting for a wrong value.
    """

    def __init__(
        self, environ: Mapping[str, str], given: Mapping[str, Any], options: Mapping[str, Option] | None = None
    ) -> None:
        self._environ = environ
        self._given = given
        self.settings: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        known = OPTIONS if options is None else options
        left_out = {*given, *replaced(given)}
        if "endpoint" not in left_out:
            self._read_option("endpoint", known["endpoint"])
        unused = unused_settings(given.get("endpoint", self.settings.get("endpoint")), known)
        left_out |= {"endpoint", *unused}
        variables = [f"{_PREFIX}{name.upper()}" for name in unused if known[name].read is not None]
        self.ignored = [variable for variable in variables if self._text(variable)]
        open_ones = {name: option for name, option in known.items() if name not in left_out}
        for name, option in open_ones.items():
            self._read_option(name, option)
        if "enabled" in open_ones and "enabled" not in self.settings:
            self._warn_if_not_disabled()
        if "sample_rate" in open_ones and "sample_rate" not in self.settings:
            self._read_sampler()
        limit = "max_tag_length"
        if limit in open_ones and self.variables.get(limit) in (None, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"):
            self._read(limit, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", read_limit)

    def service_name(self) -> tuple[str | None, str]:
        """The service's name, by our own variable or one of OpenTelemetry's two, and the variable that has it."""
        resources = "OTEL_RESOURCE_ATTRIBUTES"
        for variable in ("ZIPKIN_SERVICE_NAME", "OTEL_SERVICE_NAME"):
            if self._text(variable):
                return self._text(variable), variable
        of_resource = (read_resource(self._text(resources)) or {}).get("service.name", "").strip()
        return of_resource or None, resources  # an empty name counts as none

    def read_connection(self) -> list[str]:
        """Read the proxies and the CA bundle of `requests`, and return the endpoints; none where a part sends.

        `requests` would look for them at every request.  Our sender does not, so they are read here, once.
        """
        if replaced(self._given).keys() & options_of(SendingOptions):
            return []
        known = {**self.settings, **self._given}
        endpoints = endpoints_of(known.get("endpoint", DEFAULT_ENDPOINT))
        if kind_of(endpoints[0]) != HTTP:
            return endpoints
        if "ca_bundle" not in known and any(urlsplit(one).scheme == "https" for one in endpoints):
            for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
                if "ca_bundle" not in self.settings and self._text(variable):
                    self._add_bundle(variable)
        if "proxy" not in known:
            proxies = _proxies(endpoints, self._environ)
            if proxies:
                self.settings["proxy"] = proxies
        return endpoints

    @contextmanager
    def naming_variables(self) -> Iterator[None]:
        """Where a setting of the environment turns out to be wrong, its error names the variable."""
        try:
            yield
        except WrongSetting as error:
            variable = self.variables.get(error.setting)
            if variable is None or error.setting in self._given:
                raise
            raise error.of_variable(variable) from None

    def _read_option(self, name: str, option: Option) -> None:
        """Read our own variable; where it is not set, read the other one, if the setting has one."""
        if option.read is not None:
            self._read(name, f"{_PREFIX}{name.upper()}", option.read)
        if option.also is not None and name not in self.settings:
            self._read(name, *option.also)

    def _read_sampler(self) -> None:
        """Read OpenTelemetry's sampler, if it is a share of new traces; ours follows its caller's decision in any case."""
        variable, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
        name = self._text(variable).lower()
        rate = read_sampler(name)
        if rate is not None:
            self._add("sample_rate", variable, rate)
        elif name.endswith("traceidratio") and name.removesuffix("traceidratio") in ("", "parentbased_"):
            self._read("sample_rate", argument, read_number)
        elif name and is_first(variable):
            log.warning(
                "zipkin: OTEL_TRACES_SAMPLER is %r, which is ignored; use always_on, always_off or traceidratio, also with "
                "parentbased_ before it; ZIPKIN_SAMPLE_RATE is the share of new traces",
                self._text(variable)[:80],
            )

    def _warn_if_not_disabled(self) -> None:
        """Warn of a value of OTEL_SDK_DISABLED that looks as if it turned tracing off, and does not."""
        variable = "OTEL_SDK_DISABLED"
        text = self._text(variable)
        if text.lower() not in ("", "true", "false") and is_first(variable):
            log.warning("zipkin: %s is %r, which has no effect; use true, or ZIPKIN_ENABLED=false", variable, text[:80])

    def _read(self, name: str, variable: str, read: Callable[[str], Any]) -> None:
        text = self._text(variable)
        if text:
            try:
                value = read(text)
            except ValueError as error:
                shown_text = "wrong" if name == "auth" else repr(text)
                raise WrongSetting(name, f"is {shown_text}; {error}").of_variable(variable) from None
            if value is not None:
                self._add(name, variable, value)

    def _add_bundle(self, variable: str) -> None:
        """Use certificates that were named for `requests`; a file that does not exist is warned of and ignored."""
        if os.path.exists(self._text(variable)):
            self._add("ca_bundle", variable, self._text(variable))
        else:
            log.warning("zipkin: the environment variable %s names no existing file, and is ignored; %s", variable, _OWN_BUNDLE)

    def _add(self, name: str, variable: str, value: Any) -> None:
        self.settings[name] = value
        self.variables[name] = variable

    def _text(self, variable: str) -> str:
        """A variable's value; "" where it is not set, and where Kubernetes wrote it."""
        text = self._environ.get(variable, "").strip()
        return "" if _KUBERNETES_VALUE.match(text) else text


def span_limits() -> dict[str, int]:
    """The maximal numbers of attributes, events and links of a span, as far as OpenTelemetry's variables give them.

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


def warn_of_unsupported() -> None:
    """Warn of variables of OpenTelemetry's SDK that have no effect here; the warning says where they go on working."""
    for start, remedy in _UNSUPPORTED:
        found = [
            variable
            for variable, text in sorted(os.environ.items())
            if variable.startswith(start) and variable != _SET_BY_DISTRO and text.strip().lower() not in _ASK_FOR_NOTHING
        ]
        if found and is_first(start):
            log.warning("zipkin: %s: no effect here; %s", ", ".join(found), remedy)


def warn_of_misspelt() -> None:
    for variable, remedy in misspelt_variables(os.environ):
        if is_first(variable):
            log.warning("zipkin: the environment variable %s has no effect; %s", variable, remedy)


def misspelt_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each variable that has no meaning, but is nearly one of ours, and the remedy."""
    for variable, text in environ.items():
        if variable.startswith(_PREFIX) and not _is_of_kubernetes(variable, text):
            remedy = _remedy_for(variable.removeprefix(_PREFIX))
            if remedy:
                yield variable, remedy


def variable_of_proxies(endpoints: list[str], environ: Mapping[str, str]) -> str:
    """The variable that has the proxy of these endpoints; a description where the system's settings have it."""
    schemes = (*(urlsplit(endpoint).scheme for endpoint in endpoints), "all")
    return next(filter(None, (_proxy_variable(scheme, environ) for scheme in schemes)), _SYSTEM_PROXY)


def _is_of_kubernetes(variable: str, text: str) -> bool:
    name = variable.removeprefix(_PREFIX)
    return name.lower() not in OPTIONS and (
        _KUBERNETES_NAME.fullmatch(name) is not None or _KUBERNETES_VALUE.match(text) is not None
    )


def _remedy_for(name: str) -> str:
    """The remedy for a variable's name, without its prefix; "" for one that is right, or like none of ours."""
    readable = ["SERVICE_NAME", *(setting.upper() for setting, option in OPTIONS.items() if option.read is not None)]
    if name in readable:
        return ""
    if name.lower() in OPTIONS:
        return f"{name.lower()} can be given in code only"
    import difflib  # here, because it takes 7 ms and is rarely needed

    near = difflib.get_close_matches(name, readable, 1, _MIN_LIKENESS)
    return f"did you mean {_PREFIX}{near[0]}?" if near else ""


def _proxies(endpoints: list[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Each collector's proxy by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as `requests` understands them.

    They may be meant for other programs, so a proxy that we cannot use is warned of and not used, and does not raise.
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
            source = f"the environment variable {variable}" if variable else _SYSTEM_PROXY
            log.warning(
                "zipkin: %s is not the URL of an HTTP proxy, so spans are sent to %s without a proxy; %s",
                source,
                shown(endpoint),
                _OWN_PROXY,
            )
    return proxies


def _proxy_variable(scheme: str, environ: Mapping[str, str]) -> str:
    """The variable that has the proxy of a scheme, "" where none has; of two spellings the one in lower case counts."""
    name = f"{scheme}_proxy"
    names = sorted((one for one in environ if one.lower() == name and environ[one]), key=str.isupper)
    return names[0] if names else ""


def _read_timeout(text: str) -> float:
    """Seconds.  The specification has milliseconds in this variable; OpenTelemetry's exporter for Python had seconds in it."""
    value = read_number(text)
    if value >= MIN_MILLISECONDS:
        return value / 1000
    if value > 0 and is_first(OTEL_TIMEOUT):  # for another value the check raises
        log.warning("zipkin: %s is %s, and is read as seconds; write milliseconds, %.0f", OTEL_TIMEOUT, text, value * 1000)
    return value


OPTIONS = {**options_of(Settings), **options_of(ConfigureOptions)}
# The exporter of OpenTelemetry's spans reads the time-out in its own way.
EXPORTER_OPTIONS = {**OPTIONS, "send_timeout": OPTIONS["send_timeout"].read_also(OTEL_TIMEOUT, _read_timeout)}
