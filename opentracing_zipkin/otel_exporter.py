"""The Zipkin exporters for OpenTelemetry's SDK, with the arguments, variables and entry points of the deprecated exporters.

Rules: an argument counts first, then ZIPKIN_<NAME>, then OpenTelemetry's variable, then the default.  A wrong value raises an
exception in code.  If an entry point chose the exporter, a wrong value makes one line in the log, and all spans are dropped.
Source: opentelemetry-python, exporter/opentelemetry-exporter-zipkin-json and -proto-http, their arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from importlib.metadata import PackageNotFoundError, version as version_of
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .log import is_first, log
from .option import WrongSetting
from .otel.exporter import SETTINGS, Exporter
from .senders.endpoint import CONSOLE, kind_of
from .settings import read_for_exporter

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .otel.exporter import ExporterOptions

__all__ = ["ChosenJson", "ChosenProto", "Protocol", "ZipkinExporter", "ZipkinProtoExporter"]


class Protocol(Enum):
    """A version of Zipkin's JSON; the class of this name in the deprecated exporter is accepted, too."""

    V1 = "v1"
    V2 = "v2"


_ENCODINGS = MappingProxyType({"v1": "json_v1", "v2": "json"})

# The deprecated packages that this one replaces.
_PREFIX = "opentelemetry-exporter-zipkin"
_DEPRECATED_PACKAGES = (_PREFIX, f"{_PREFIX}-json", f"{_PREFIX}-proto-http")


class ZipkinExporter(Exporter):
    """Exports to a Zipkin collector in JSON; it replaces `opentelemetry.exporter.zipkin.json.ZipkinExporter`.

    `version` is Protocol.V2 or Protocol.V1.  `endpoint` is the collector's URL.  `local_node_ipv4`, `local_node_ipv6` and
    `local_node_port` are this service's address; without them the address is found.  `max_tag_value_length` is a number of
    characters, 8192 by default; `timeout` is in seconds.  `session` is not used.  Keyword arguments are `debug` and the
    settings of sending and reporting, as in docs/reference/configuration.md.  For an argument that is None, ZIPKIN_<NAME> in
    the environment counts, then OpenTelemetry's variable, then the default.
    """

    _encodings = _ENCODINGS  # by the version

    def __init__(
        self,
        version: Any = Protocol.V2,
        endpoint: str | None = None,
        local_node_ipv4: str | int | None = None,
        local_node_ipv6: str | int | None = None,
        local_node_port: int | None = None,
        max_tag_value_length: int | None = None,
        timeout: float | None = None,
        session: object = None,
        *,
        debug: bool = False,
        **given: Unpack[ExporterOptions],
    ) -> None:
        name = getattr(version, "value", version)
        encoding = self._encodings.get(name)
        if encoding is None:
            # The value is not shown: it may be a URL with a password, because the proto3 exporter's first argument is a URL.
            raise WrongSetting("version", f"is of type {type(version).__name__}; use Protocol.V2 or Protocol.V1")
        local = _LocalAddress(local_node_ipv4, local_node_ipv6, local_node_port)
        named: dict[str, Any] = {
            "encoding": encoding,
            "endpoint": endpoint,
            "local_ip": local.ip,
            "local_port": local.port,
            "max_tag_length": max_tag_value_length or None,
            "send_timeout": timeout or None,
        }
        if session is not None:
            _warn_of_session()

        def build(settings: dict[str, Any]) -> None:
            if "encoding" not in given and kind_of(settings.get("endpoint")) == CONSOLE:
                settings = {**settings, "encoding": _ENCODINGS[name]}  # a line of the console is JSON
            Exporter.__init__(self, local_ipv6=local.second_ip, debug=debug, **settings)

        names = [name for name in SETTINGS if name != "encoding"]
        read_for_exporter({**named, **given}, names, build)


class ZipkinProtoExporter(ZipkinExporter):
    """Exports in Protocol Buffers; it replaces `opentelemetry.exporter.zipkin.proto.http.ZipkinExporter`.

    Its arguments are those of ZipkinExporter without `version`.  With the endpoint `console:` it writes JSON.
    """

    _encodings = MappingProxyType({"v2": "proto3"})

    # The arguments are written out again for `help`, editors and type checkers.
    def __init__(
        self,
        endpoint: str | None = None,
        local_node_ipv4: str | int | None = None,
        local_node_ipv6: str | int | None = None,
        local_node_port: int | None = None,
        max_tag_value_length: int | None = None,
        timeout: float | None = None,
        session: object = None,
        *,
        debug: bool = False,
        **given: Unpack[ExporterOptions],
    ) -> None:
        super().__init__(
            Protocol.V2,
            endpoint,
            local_node_ipv4,
            local_node_ipv6,
            local_node_port,
            max_tag_value_length,
            timeout,
            session,
            debug=debug,
            **given,
        )


class _LocalAddress:
    """This service's address in the deprecated exporters' arguments: `ip`, or None, and `second_ip`, an IPv6 address or ""."""

    def __init__(self, ipv4: Any, ipv6: Any, port: int | None) -> None:
        given = [*_check_address("local_node_ipv4", ipv4, IPv4Address), *_check_address("local_node_ipv6", ipv6, IPv6Address)]
        self.ip = given[0] if given else None
        self.second_ip = given[1] if len(given) > 1 else ""
        self.port = port or None


def _check_address(name: str, value: Any, kind: type) -> Iterator[str]:
    """The address as text; nothing for None.  Raises WrongSetting for an address of another kind."""
    if value is None:
        return
    try:
        address = ip_address(value)
    except ValueError:
        address = None
    if not isinstance(address, kind):
        raise WrongSetting(name, f"is {value!r}; use an {'IPv4' if kind is IPv4Address else 'IPv6'} address")
    yield str(address)


def _warn_of_session() -> None:
    if is_first("session"):
        log.warning(
            "zipkin: the exporter has its own connection and does not use session; "
            "use headers=, auth=, ca_bundle=, client_cert= and proxy= instead"
        )


# The classes that OTEL_TRACES_EXPORTER chooses


class _ChosenByEntryPoint:
    """A base, next to an exporter, for one that an entry point names: it logs wrong values, and does not raise."""

    def __init__(self, *args: Any, **given: Any) -> None:
        try:
            super().__init__(*args, **given)
        except ValueError as error:
            log.error("zipkin: no span is exported: %s", error)
            Exporter.__init__(self)  # type: ignore[arg-type]
            self.shutdown()  # type: ignore[attr-defined]
        _warn_of_deprecated()


class ChosenJson(_ChosenByEntryPoint, ZipkinExporter):
    """The exporter for `OTEL_TRACES_EXPORTER=zipkin_json`."""


class ChosenProto(_ChosenByEntryPoint, ZipkinProtoExporter):
    """The exporter for `OTEL_TRACES_EXPORTER=zipkin` and `zipkin_proto`."""


def _warn_of_deprecated() -> None:
    """Warn of deprecated packages that are installed: if two entry points have the same name, the one found first is used."""
    found = [name for name in _DEPRECATED_PACKAGES if _is_installed(name)]
    if found and is_first("deprecated"):
        log.warning(
            "zipkin: opentracing_zipkin exports the spans, but %s %s entry points of the same names, "
            "and the first one found is used; uninstall %s",
            " and ".join(found),
            "has" if len(found) == 1 else "have",
            "it" if len(found) == 1 else "them",
        )


def _is_installed(distribution: str) -> bool:
    try:
        version_of(distribution)
    except PackageNotFoundError:
        return False
    return True
