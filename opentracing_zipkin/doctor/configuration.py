"""The settings that `configure()` would use, the source of each, and the settings that prevent spans."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ..codec import encoder_named
from ..log import log
from ..option import options_of
from ..options import ConfigureOptions, Settings
from ..senders.collector_url import has_own_path, likely_path
from ..senders.endpoint import CONSOLE, HTTP, endpoints_of, kind_of, scheme_of, shown_target
from ..senders.url import shown
from ..settings import Effective, effective
from ..text import printable
from .report import FAULT, MAX_VALUE_CHARS, OK, WARNING, Finding, Kind, Setting

__all__ = ["all_settings", "check_configuration", "read"]

DEFAULT = "default"
_CHECK = "configuration"

NAMED = Kind("named", OK, _CHECK, "the service is called {name}, by {source}")
UNNAMED = Kind(
    "unnamed",
    WARNING,
    _CHECK,
    "the service has no name in the environment: `configure()` without one raises ValueError, and `run` calls it "
    "unknown_service",
    "set ZIPKIN_SERVICE_NAME, or give it in code: configure('checkout')",
)
SENT_TO = Kind("sent-to", OK, _CHECK, "spans are posted to {url} in {encoding}, by {source}")
SENT_TO_BROKER = Kind("sent-to-broker", OK, _CHECK, "spans are sent to {url} in {encoding}, by {source}")
WRITTEN_TO = Kind("written-to", OK, _CHECK, "spans are written to {target}, a line each in {encoding}, by {source}")
OWN_PATH = Kind(
    "own-path",
    WARNING,
    _CHECK,
    "the path of {url} is not one of Zipkin's, and is used exactly as it is",
    "if it is the prefix of a Zipkin server, set ZIPKIN_ENDPOINT={likely}",
)
WRONG_VALUE = Kind(
    "wrong-value",
    FAULT,
    _CHECK,
    "the environment variable {variable} cannot be used: it {problem}",
    "{advice}; until then `configure()` raises ValueError, and a program that `run` starts is not traced (the next checks "
    "ignore the variable)",
)
MISSPELT = Kind(
    "misspelt",
    FAULT,
    _CHECK,
    "the environment variable {variable} has no effect",
    "rename the variable, or remove it: {meant}",
)
SAID = Kind(
    "said",
    WARNING,
    _CHECK,
    "a variable of the environment has perhaps another effect than was meant: {line}",
    "correct the variable that the line names, or remove it",
)
FOR_ANOTHER_SENDER = Kind(
    "for-another-sender",
    WARNING,
    _CHECK,
    "{variable} is ignored, because an endpoint with {scheme} has no such setting",
    "remove the variable, or set ZIPKIN_ENDPOINT to an address for which it is a setting",
)
SWITCHED_OFF = Kind(
    "switched-off",
    FAULT,
    "switch",
    "tracing is switched off by {source}: nothing is recorded, and requests are passed on as they came",
    "set ZIPKIN_ENABLED=true, which outranks every other variable; at run time: tracer.enabled = True",
)
SWITCHED_ON = Kind("switched-on", OK, "switch", "tracing is switched on")
SAMPLED_NONE = Kind(
    "sampled-none",
    FAULT,
    "sampling",
    "no new trace is recorded, because sample_rate is 0, by {source}; only traces that a caller has sampled are recorded",
    "set ZIPKIN_SAMPLE_RATE=1.0, or give the rate in code: configure(sample_rate=1.0)",
)
SAMPLED_FEW = Kind(
    "sampled-few",
    WARNING,
    "sampling",
    "{percent} % of new traces are recorded, because sample_rate is {rate}, by {source}; a single request is probably not "
    "among "
    "them",
    "set ZIPKIN_SAMPLE_RATE=1.0 while you look for a trace, or send the header `X-B3-Flags: 1` with the request",
)
SAMPLED_BY_RULES = Kind(
    "sampled-by-rules",
    OK,
    "sampling",
    "the rules in {file}, by {source}, decide which new traces are recorded; of the traces that no rule fits, {percent} % are "
    "recorded",
)
SAMPLED_ALL = Kind("sampled-all", OK, "sampling", "every new trace is recorded, unless its caller has decided that it is not")


def read() -> tuple[Effective, list[str]]:
    """The configuration from the environment, and the lines that `configure` would log about it."""
    with _captured_warnings() as lines:
        return effective(), lines


@contextmanager
def _captured_warnings() -> Iterator[list[str]]:
    """A list that receives the warnings while the block runs, instead of the log."""
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage().removeprefix("zipkin: "))  # type: ignore[method-assign]
    propagated, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield lines
    finally:
        log.removeHandler(handler)
        log.propagate = propagated


def all_settings(found: Effective) -> list[Setting]:
    """Every setting with the value that would be used."""
    settings = [
        Setting("service_name", printable(found.service_name or "none", MAX_VALUE_CHARS), _source(found, "service_name"))
    ]
    for name, option in {**options_of(Settings), **options_of(ConfigureOptions)}.items():
        value = found.given.get(name, option.default)
        text = option.shown if name not in found.given and option.shown else _shown(name, value)
        settings.append(Setting(name, printable(text, MAX_VALUE_CHARS), _source(found, name)))
    return settings


def _source(found: Effective, name: str) -> str:
    return found.variables.get(name, DEFAULT)


def _shown(name: str, value: Any) -> str:
    """The text of a setting's value, without anything that may be a credential."""
    if value is None or value == ():
        return "none"
    if name == "auth":
        return "a user and a password, which are not shown"
    if name == "endpoint":
        return ", ".join(one if kind_of(one) == CONSOLE else shown(one) for one in endpoints_of(value))
    if name == "proxy":
        proxies = value if isinstance(value, Mapping) else {"": value}
        return ", ".join(shown(url) for url in proxies.values())
    if isinstance(value, Mapping):  # headers and tags: any value may be a secret key
        return ", ".join(value)
    return ", ".join(value) if isinstance(value, (list, tuple)) else str(value)


def check_configuration(found: Effective, said: list[str]) -> Iterator[Finding]:
    """The findings on the settings in the environment."""
    for variable, problem, advice in found.wrong:
        yield WRONG_VALUE(variable=variable, problem=problem, advice=advice or "correct the variable, or remove it")
    for variable, meant in found.unknown:
        yield MISSPELT(variable=variable, meant=meant)
    for variable in found.ignored:
        yield FOR_ANOTHER_SENDER(variable=variable, scheme=scheme_of(found.endpoints[0]))
    for line in said:
        yield SAID(line=line)
    if found.service_name:
        yield NAMED(name=found.service_name, source=found.variables["service_name"])
    else:
        yield UNNAMED()
    yield from _check_endpoints(found)
    yield from _check_switch(found)
    yield from _check_rate(found)


def _check_endpoints(found: Effective) -> Iterator[Finding]:
    encoding = found.given.get("encoding", "json")
    path = encoder_named(encoding).path
    source = found.variables.get("endpoint", DEFAULT)
    for endpoint in found.endpoints:
        kind, target = kind_of(endpoint), shown_target(endpoint, path)
        if kind != HTTP:
            finding = WRITTEN_TO if kind == CONSOLE else SENT_TO_BROKER
            yield finding(url=target, target=target, encoding=encoding, source=source)
            continue
        yield SENT_TO(url=target, encoding=encoding, source=source)
        if has_own_path(endpoint):
            likely = urlsplit(endpoint)._replace(path=likely_path(endpoint, "/api/v2/spans"), query="")
            yield OWN_PATH(url=shown(endpoint), likely=shown(likely.geturl()))


def _check_switch(found: Effective) -> Iterator[Finding]:
    if found.given.get("enabled", True):
        yield SWITCHED_ON()
    else:
        yield SWITCHED_OFF(source=found.variables["enabled"])


def _check_rate(found: Effective) -> Iterator[Finding]:
    rate = found.given.get("sample_rate", 1.0)
    source = _source(found, "sample_rate")
    if "sampling_rules" in found.given:
        file = found.given["sampling_rules"]
        yield SAMPLED_BY_RULES(file=file, source=_source(found, "sampling_rules"), percent=f"{rate * 100:.3g}")
    elif rate == 0:
        yield SAMPLED_NONE(source=source)
    elif rate < 1:
        yield SAMPLED_FEW(percent=f"{rate * 100:.3g}", rate=rate, source=source)
    else:
        yield SAMPLED_ALL()
