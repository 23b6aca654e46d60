"""configure(): arguments over environment over defaults, and the tracer becomes the global one.

Rules: this is the only file that reads the environment.  A variable is `ZIPKIN_` and the argument's name in capitals; unknown
ones are ignored, because Kubernetes adds its own (ZIPKIN_PORT, ZIPKIN_SERVICE_HOST) to every pod beside a service "zipkin".
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from requests.utils import get_environ_proxies, select_proxy

import opentracing

from .senders.http import base_urls
from .termination import on_sigterm
from .tracer import DEFAULT_ENDPOINT, ZipkinTracer
from .validation import check_flag

__all__ = ["configure"]

log = logging.getLogger("opentracing_zipkin")

_TRUE = frozenset(("true", "1", "yes", "on"))
_FALSE = frozenset(("false", "0", "no", "off"))


def configure(
    service_name: str | None = None,
    *,
    endpoint: str | Sequence[str] | None = None,
    encoding: str | None = None,
    sample_rate: float | None = None,
    b3_format: str | None = None,
    w3c: bool | None = None,
    baggage_fields: Sequence[str] | None = None,
    shared_spans: bool | None = None,
    trace_id_bits: int | None = None,
    max_queued_spans: int | None = None,
    flush_interval: float | None = None,
    send_timeout: float | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    ca_bundle: str | None = None,
    client_cert: str | None = None,
    client_key: str | None = None,
    proxy: str | Mapping[str, str] | None = None,
    compress: bool | None = None,
    queue_full_timeout: float | None = None,
    exit_stall_timeout: float | None = None,
    exit_timeout: float | None = None,
    max_outbox_bytes: int | None = None,
    retry_timeout: float | None = None,
    max_tag_length: int | None = None,
    local_ip: str | None = None,
    local_port: int | None = None,
    default_tags: Mapping[str, Any] | None = None,
    enabled: bool | None = None,
    handle_sigterm: bool | None = None,
    **parts: Any,
) -> ZipkinTracer:
    """Build a ZipkinTracer, make it `opentracing.tracer` and return it; nothing to close, it flushes at exit.

    An argument that is None comes from the environment: `ZIPKIN_SERVICE_NAME`, `ZIPKIN_ENDPOINT` and so on, then
    `OTEL_SERVICE_NAME`, `OTEL_EXPORTER_ZIPKIN_ENDPOINT`, `OTEL_EXPORTER_ZIPKIN_TIMEOUT` (ms), `OTEL_RESOURCE_ATTRIBUTES`
    (default_tags) and `OTEL_SDK_DISABLED`, then the defaults of ZipkinTracer.  The proxies and the CA bundle of `requests`
    (`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`, ...) are read here once.  `parts` (sampler, sender, ...) go to it as
    they are.  `handle_sigterm`: on SIGTERM, where nobody else handles it, what waits is sent before the process ends by it;
    True unless you say otherwise.  `enabled=False` makes the no-op the global tracer; what is returned then records nothing.
    A second call replaces and closes the first tracer.  Raises ValueError that names a wrong value and the remedy.
    """
    _check_names(parts)
    for flag, value in (("enabled", enabled), ("handle_sigterm", handle_sigterm)):
        if value is not None:
            check_flag(flag, value)
    resource = _resource_attributes(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    given: dict[str, Any] = {
        "endpoint": _setting("endpoint", endpoint, str, "OTEL_EXPORTER_ZIPKIN_ENDPOINT"),
        "encoding": _setting("encoding", encoding, str),
        "sample_rate": _setting("sample_rate", sample_rate, float),
        "b3_format": _setting("b3_format", b3_format, str),
        "w3c": _setting("w3c", w3c, _flag),
        "baggage_fields": baggage_fields,
        "shared_spans": _setting("shared_spans", shared_spans, _flag),
        "trace_id_bits": _setting("trace_id_bits", trace_id_bits, int),
        "max_queued_spans": _setting("max_queued_spans", max_queued_spans, int),
        "flush_interval": _setting("flush_interval", flush_interval, float),
        "send_timeout": _setting("send_timeout", send_timeout, float, "OTEL_EXPORTER_ZIPKIN_TIMEOUT", _milliseconds),
        "queue_full_timeout": _setting("queue_full_timeout", queue_full_timeout, float),
        "exit_stall_timeout": _setting("exit_stall_timeout", exit_stall_timeout, float),
        "exit_timeout": _setting("exit_timeout", exit_timeout, float),
        "max_outbox_bytes": _setting("max_outbox_bytes", max_outbox_bytes, int),
        "retry_timeout": _setting("retry_timeout", retry_timeout, float),
        "max_tag_length": _setting("max_tag_length", max_tag_length, int),
        "local_ip": _setting("local_ip", local_ip, str),
        "local_port": _setting("local_port", local_port, int),
        "default_tags": default_tags if default_tags is not None else resource or None,
        "headers": headers,
        "auth": auth,
        "ca_bundle": ca_bundle,
        "client_cert": client_cert,
        "client_key": client_key,
        "proxy": proxy,
        "compress": compress,
        **parts,
    }
    if not parts.keys() & {"sender", "recorder"}:
        given.update(_transport(given))
    if "sampler" in parts and sample_rate is None:
        given["sample_rate"] = None  # the code's sampler outranks the environment's rate
    if "propagation" in parts:
        given.update(b3_format=b3_format, w3c=w3c)  # likewise
    name = _setting("service_name", service_name, str, "OTEL_SERVICE_NAME") or resource.get("service.name")
    if name is None:
        raise ValueError(
            "service_name is missing; give it as configure('checkout') or in the environment variable ZIPKIN_SERVICE_NAME"
        )
    tracer = ZipkinTracer(name, **{key: value for key, value in given.items() if value is not None})
    if _enabled(enabled):
        _install(tracer)
        if _setting("handle_sigterm", handle_sigterm, _flag) is not False:
            on_sigterm(_drain_global_tracer)
    else:
        tracer.close()
        _install(opentracing.Tracer())
    return tracer


def _transport(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the environment says of the connection; read once, here, because the sender does not look."""
    read = {
        "auth": _setting("auth", given["auth"], _user_and_password),
        "ca_bundle": _setting("ca_bundle", given["ca_bundle"], str),
        "client_cert": _setting("client_cert", given["client_cert"], str),
        "client_key": _setting("client_key", given["client_key"], str),
        "compress": _setting("compress", given["compress"], _flag),
        "proxy": _setting("proxy", given["proxy"], str),
    }
    urls = base_urls(given["endpoint"] or DEFAULT_ENDPOINT)
    if read["ca_bundle"] is None and any(url.startswith("https:") for url in urls):
        read["ca_bundle"] = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None
    if read["proxy"] is None:
        read["proxy"] = _proxies(urls)
    return read


def _proxies(urls: list[str]) -> dict[str, str] | None:
    """Each collector's proxy by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as requests understands them."""
    proxies = {}
    for url in urls:
        proxy = select_proxy(url, get_environ_proxies(url))
        if proxy:
            parts = urlsplit(url)
            proxies[f"{parts.scheme}://{parts.hostname}"] = proxy
    return proxies or None


def _user_and_password(text: str) -> tuple[str, str]:
    user, colon, password = text.partition(":")
    if not colon:
        raise ValueError("use user:password")
    return user, password


def _check_names(parts: Mapping[str, Any]) -> None:
    """A misspelt argument is told apart from one that ZipkinTracer takes."""
    if not parts:
        return
    import difflib  # here, because they take 7 ms and are rarely needed
    import inspect

    known = list(inspect.signature(configure).parameters)[:-1] + list(inspect.signature(ZipkinTracer).parameters)
    for name in parts:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise TypeError(f"configure() has no argument {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def _install(tracer: opentracing.Tracer) -> None:
    former = opentracing.global_tracer()
    if isinstance(former, ZipkinTracer):
        log.warning("configure() was called again: %r is closed and replaced", former)
        former.close()
    opentracing.set_global_tracer(tracer)


def _drain_global_tracer() -> None:
    """Of whichever tracer is installed when the signal comes."""
    tracer = opentracing.global_tracer()
    if isinstance(tracer, ZipkinTracer):
        tracer.drain_for_signal()


def _enabled(argument: bool | None) -> bool:
    enabled = _setting("enabled", argument, _flag)
    if enabled is None:
        disabled = os.environ.get("OTEL_SDK_DISABLED", "")
        return disabled.strip().lower() != "true"
    return bool(enabled)


def _setting(
    name: str,
    argument: Any,
    read: Callable[[str], Any],
    fall_back: str | None = None,
    read_fall_back: Callable[[str], Any] | None = None,
) -> Any:
    """The argument, or what the environment says, or None.  An empty variable is an absent one."""
    if argument is not None:
        return argument
    for variable, convert in ((f"ZIPKIN_{name.upper()}", read), (fall_back, read_fall_back or read)):
        text = os.environ.get(variable, "").strip() if variable else ""
        if text:
            try:
                return convert(text)
            except ValueError as error:
                shown = "wrong" if name == "auth" else repr(text)
                raise ValueError(f"environment variable {variable} is {shown}; {_remedy(convert, error)}") from error
    return None


def _remedy(convert: Callable[[str], Any], error: ValueError) -> str:
    return {int: "use a whole number", float: "use a number", _milliseconds: "use a number"}.get(convert, str(error))


def _flag(text: str) -> bool:
    lower = text.lower()
    if lower not in _TRUE | _FALSE:
        raise ValueError("use true or false")
    return lower in _TRUE


def _milliseconds(text: str) -> float:
    return float(text) / 1000


def _resource_attributes(text: str) -> dict[str, str]:
    """`key=value,key=value`, values percent-encoded, as OpenTelemetry writes them; what has no `=` is skipped."""
    pairs = (item.split("=", 1) for item in text.split(",") if "=" in item)
    return {key.strip(): unquote(value.strip()) for key, value in pairs if key.strip()}
