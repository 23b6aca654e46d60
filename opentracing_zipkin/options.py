"""Every setting, declared once: its type, default, bounds, how its text is read, and its text in the manual.

Rules: a setting stands in the group of the part that uses it, and that part checks it (`option.check_group`), whoever
constructs the part.  A group is a typed dict, so that an editor completes it and a type checker refuses a misspelt name.  None
means "not given".  The types are read at run time, so annotations are evaluated (no `from __future__ import annotations`).
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from typing import Annotated, Any, TypedDict
from urllib.parse import unquote

from .log import is_first, log
from .model import FinishedSpan, parse_ip
from .option import Option, WrongSetting, check_key_names, choice, flag, number, read_flag, read_number, read_whole, whole
from .stats import TracerStats

__all__ = [
    "B3_FORMATS",
    "DEFAULT_ENDPOINT",
    "ENCODINGS",
    "MIN_MILLISECONDS",
    "OTEL_TIMEOUT",
    "ConfigureOptions",
    "ConnectionOptions",
    "EncodingOptions",
    "EndpointOptions",
    "HttpOptions",
    "KafkaOnlyOptions",
    "KafkaOptions",
    "LinkOptions",
    "PropagationOptions",
    "ReporterOptions",
    "ReportingOptions",
    "SamplingOptions",
    "SendingOptions",
    "Settings",
    "TracerOptions",
    "read_limit",
    "read_resource",
    "read_sampler",
]

B3_FORMATS = ("multi", "single", "both")
DEFAULT_ENDPOINT = "http://localhost:9411"
MAX_TAG_LENGTH = 1_000_000
ENCODINGS = ("json", "json_v1", "thrift", "proto3")
OTEL_TIMEOUT = "OTEL_EXPORTER_ZIPKIN_TIMEOUT"  # OpenTelemetry's exporter for Python had seconds in it
MIN_MILLISECONDS = 1000  # a smaller value of that variable is probably meant as seconds
KAFKA_ACKS = ("all", "1", "0")
KAFKA_COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")
KAFKA_SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


# Checks and readers of single settings


def _check_ip(name: str, value: Any) -> str:
    if not isinstance(value, str) or not any(parse_ip(value)):
        raise WrongSetting(name, f"is {value!r}; use an IPv4 or IPv6 address, for instance 10.1.2.3")
    return value


def _check_tags(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise WrongSetting(name, f"is {value!r}; use a dict, for instance {{'version': '1.2'}}")
    return value


def _check_handlers(name: str, value: Any) -> tuple[Any, ...]:
    if callable(value) or not isinstance(value, (list, tuple)) or not all(map(callable, value)):
        raise WrongSetting(name, f"is {value!r}; use a list of functions that take and return a FinishedSpan")
    return tuple(value)


def _check_function(name: str, value: Any) -> Any:
    if not callable(value):
        raise WrongSetting(name, f"is {value!r}; use a function")
    return value


def _check_libraries(name: str, value: Any) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) or not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise WrongSetting(name, f"is {value!r}; use True, False or a list of names, for instance ['flask', 'requests']")
    return tuple(value)


def _check_file(name: str, value: Any) -> str:
    if not isinstance(value, (str, PathLike)) or not fspath(value) or not isinstance(fspath(value), str):
        raise WrongSetting(name, f"is {value!r}; use the path of a TOML file")
    return fspath(value)


def _check_redact(name: str, value: Any) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    return tuple(check_key_names(name, value, "True, False or a list of names, for instance ['*iban*', 'x-customer']"))


def _check_paths(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise WrongSetting(name, f"is {value!r}; use a list of paths, for instance ['/health', '/internal/*']")
    wrong = [path for path in value if not isinstance(path, str) or not path.startswith("/")]
    if wrong:
        raise WrongSetting(name, f"has {wrong[0]!r}; a path begins with a slash, for instance '/health' or '/internal/*'")
    return tuple(value)


def _read_words(text: str) -> list[str]:
    return [word for word in map(str.strip, text.split(",")) if word]


def _read_flag_or_words(text: str) -> bool | list[str]:
    try:
        return read_flag(text)
    except ValueError:
        return _read_words(text)


def _read_user_and_password(text: str) -> tuple[str, str]:
    user, colon, password = text.partition(":")
    if not colon:
        raise ValueError("use user:password")
    return user, password


def _read_milliseconds(text: str) -> float:
    """Seconds.  The variable has milliseconds; a value that was probably meant as seconds is warned of."""
    value = read_number(text)
    if 0 < value < MIN_MILLISECONDS and is_first(OTEL_TIMEOUT):
        log.warning(
            "zipkin: %s is %s, which is milliseconds; write %.0f where seconds are meant", OTEL_TIMEOUT, text, value * 1000
        )
    return value / 1000


def read_resource(text: str) -> dict[str, str] | None:
    """`key=value,key=value`, values percent-encoded, as OpenTelemetry writes them; an item without `=` is skipped."""
    pairs = (item.split("=", 1) for item in text.split(",") if "=" in item)
    return {key.strip(): unquote(value.strip()) for key, value in pairs if key.strip()} or None


def _read_disabled(text: str) -> bool | None:
    """OpenTelemetry's switch: "true" turns tracing off; any other text has no effect."""
    return False if text.lower() == "true" else None


def read_limit(text: str) -> int:
    """OpenTelemetry's longest value of an attribute, within our bounds."""
    return min(max(read_whole(text), 1), MAX_TAG_LENGTH)


def read_sampler(name: str) -> float | None:
    """The share of new traces that OpenTelemetry's sampler of this name records; None where the name does not tell."""
    return {"always_on": 1.0, "always_off": 0.0}.get(name.removeprefix("parentbased_"))


# The groups, by the part that uses them


class SamplingOptions(TypedDict, total=False):
    """Replaced by `sampler=`."""

    sample_rate: Annotated[
        float | None,
        number(
            1.0,
            0,
            1,
            "the share of new traces that is recorded, 0.0 to 1.0; a function as `sampler=` decides in another way",
            use="0.0 (nothing) to 1.0 (every trace), for instance 0.01 for 1 %",
        ),
    ]
    sampling_rules: Annotated[
        str | PathLike[str] | None,
        Option(
            None,
            "a TOML file of [rules](../how-to/sampling.md#rules-in-a-file) that decide by path, method and more; `sample_rate` "
            "decides about traces that no rule fits; changes of the file take effect without a restart",
            _check_file,
            read=str,
        ),
    ]


class PropagationOptions(TypedDict, total=False):
    """Replaced by `propagation=`."""

    b3_format: Annotated[
        str | None,
        choice(
            "multi",
            B3_FORMATS,
            str,
            "the B3 headers that are written: `multi`, `single` or `both`; all are read",
            use="one of multi, single, both",
        ),
    ]
    w3c: Annotated[
        bool | None,
        flag(False, "also writes `traceparent` and `tracestate`; if there is no B3, `traceparent` is always read"),
    ]
    baggage_fields: Annotated[
        Sequence[str] | None,
        Option(
            (),
            "names of headers, such as `x-request-id`, that are trace attributes; in the environment separated by commas; "
            "see [baggage](../how-to/baggage.md)",
            read=_read_words,
        ),
    ]
    trust_incoming: Annotated[
        bool | None,
        flag(
            True,
            "`False`, at a public edge, starts a new trace whatever its [callers](propagation.md#callers-that-are-not-trusted) "
            "send",
        ),
    ]


class EndpointOptions(TypedDict, total=False):
    """Where the collector is; the scheme chooses the sender."""

    endpoint: Annotated[
        str | Sequence[str] | None,
        Option(
            DEFAULT_ENDPOINT,
            "[the collector's URL](#the-collectors-url), or a broker's; a path that is not Zipkin's is used exactly as it is; "
            "several URLs are a list, or text with commas: if one does not answer, the next is tried",
            read=str,
            also=("OTEL_EXPORTER_ZIPKIN_ENDPOINT", str),
        ),
    ]


class LinkOptions(TypedDict, total=False):
    """How any sender reaches the other side over the network."""

    send_timeout: Annotated[
        float | None,
        number(
            10.0,
            0.001,
            3600,
            "seconds for a message at each collector or broker, from connecting to the end of the answer; the look-up of the "
            "name has no limit",
            also=(OTEL_TIMEOUT, _read_milliseconds),
        ),
    ]
    auth: Annotated[
        tuple[str, str] | None,
        Option(None, "user and password, a pair; in the environment `user:password`", read=_read_user_and_password),
    ]
    ca_bundle: Annotated[
        str | None,
        Option(None, "the certificates to trust, a PEM file or a folder of them", read=str, shown="found"),
    ]
    client_cert: Annotated[
        str | None, Option(None, "the client's certificate, a PEM file, which may contain the key as well", read=str)
    ]
    client_key: Annotated[str | None, Option(None, "the key of `client_cert`, a PEM file", read=str)]


class HttpOptions(TypedDict, total=False):
    """Settings of HTTP only, for `http://` and `https://`."""

    max_connection_age: Annotated[
        float | None,
        number(
            300.0,
            0,
            86_400,
            "seconds that a connection is used; then a new one is made, so that a collector that moved or got "
            "replicas is found",
        ),
    ]
    headers: Annotated[Mapping[str, str] | None, Option(None, "HTTP headers that are sent with each message, a dict")]
    proxy: Annotated[
        str | Mapping[str, str] | None,
        Option(
            None,
            "the URL of a proxy, or a dict from the collectors' scheme and host to the URLs of their proxies",
            read=str,
            shown="found",
        ),
    ]
    compress: Annotated[
        bool | None,
        flag(
            None,
            "whether messages of 1 KiB or more are compressed by gzip; by default only messages to other machines",
            shown="found",
        ),
    ]


class KafkaOnlyOptions(TypedDict, total=False):
    """Settings of Kafka only, for `kafka://`."""

    kafka_acks: Annotated[
        str | None,
        choice(
            "all",
            KAFKA_ACKS,
            str,
            "the brokers that must have a message before it counts as accepted: `all` that are in sync, `1` (the partition's "
            "leader) or `0` (none)",
            use="'all', '1' or '0'",
        ),
    ]
    kafka_compression: Annotated[
        str | None,
        choice(
            "none",
            KAFKA_COMPRESSIONS,
            str,
            "how messages are compressed: `none`, `gzip`, `snappy`, `lz4` or `zstd`",
        ),
    ]
    kafka_tls: Annotated[
        bool | None,
        flag(
            None,
            "whether the connection to the brokers uses TLS; by default only if `ca_bundle` or `client_cert` is given",
            shown="found",
        ),
    ]
    kafka_sasl_mechanism: Annotated[
        str | None,
        choice(
            "PLAIN",
            KAFKA_SASL_MECHANISMS,
            str,
            "how user and password are sent to the brokers, if they are given: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`",
        ),
    ]


class ConnectionOptions(LinkOptions, HttpOptions, total=False):
    """How the HTTP sender reaches the collector."""


class KafkaOptions(LinkOptions, KafkaOnlyOptions, total=False):
    """How the Kafka sender reaches the brokers."""


class SendingOptions(EndpointOptions, LinkOptions, HttpOptions, KafkaOnlyOptions, total=False):
    """Replaced by `sender=` and by `recorder=`."""


class ReporterOptions(TypedDict, total=False):
    """How finished spans wait, and how long."""

    max_queued_spans: Annotated[
        int | None,
        whole(50_000, 1, 100_000_000, "the number of finished spans that may wait; further spans are dropped as `full`"),
    ]
    max_queued_bytes: Annotated[
        int | None,
        whole(
            64 * 1024 * 1024,
            1,
            1 << 40,
            "the bytes of memory that waiting spans may take, roughly; further spans are dropped as `full`",
        ),
    ]
    flush_interval: Annotated[float | None, number(1.0, 0.001, 3600, "seconds between two sends of finished spans")]
    queue_full_timeout: Annotated[
        float | None,
        number(0.0, 0, 3600, "seconds that `finish` may wait for room in a full queue, if losing a span is worse than waiting"),
    ]
    max_outbox_bytes: Annotated[
        int | None,
        whole(
            32 * 1024 * 1024,
            1,
            1 << 40,
            "bytes of encoded messages that are kept for another try while the collector accepts nothing",
        ),
    ]
    retry_timeout: Annotated[
        float | None, number(300.0, 0, 86_400, "seconds until an unaccepted message is dropped as `expired`")
    ]
    exit_stall_timeout: Annotated[
        float | None, number(2.0, 0, 3600, "seconds that the process's end waits after the last accepted message; 0: no wait")
    ]
    exit_timeout: Annotated[float | None, number(10.0, 0, 3600, "seconds that the process's end waits in total, at most")]
    handlers: Annotated[
        Sequence[Callable[[FinishedSpan], FinishedSpan | None]] | None,
        Option(
            (),
            "functions that change, replace or drop a finished span before it is sent; see [handlers](#handlers)",
            _check_handlers,
        ),
    ]
    redact: Annotated[
        bool | Sequence[str] | None,
        Option(
            False,
            "True, or a list of further names whose values are secret, such as `*iban*`, masks secrets in every span, after "
            "all handlers; in the environment `true`, or names separated by commas; see [redaction](../how-to/redaction.md)",
            _check_redact,
            _read_flag_or_words,
        ),
    ]
    on_stats: Annotated[
        Callable[[TracerStats], object] | None,
        Option(
            None,
            "a function that is called with `stats` when they have changed, on the reporter's thread; see "
            "[the account](#the-account)",
            _check_function,
        ),
    ]


class EncodingOptions(TypedDict, total=False):
    """How spans are written."""

    encoding: Annotated[
        str | None,
        choice(
            "json",
            ENCODINGS,
            str,
            "`json` or `proto3` (version 2), `json_v1` or `thrift` (version 1); see [the wire format](wire-format.md)",
        ),
    ]


class ReportingOptions(EncodingOptions, ReporterOptions, total=False):
    """Replaced by `recorder=`."""


class TracerOptions(TypedDict, total=False):
    """The tracer's own, replaced by no part."""

    enabled: Annotated[
        bool | None,
        flag(
            True,
            "`False` starts with the [switch](#the-switch) off: nothing is recorded, and the caller's ids and "
            "decision are passed on",
            also=("OTEL_SDK_DISABLED", _read_disabled),
        ),
    ]
    shared_spans: Annotated[bool | None, flag(True, "whether a server's span takes the span id of its client")]
    trace_id_bits: Annotated[
        int | None, choice(128, (64, 128), read_whole, "bits of a new trace's id, 128 or 64", use="64 or 128")
    ]
    max_tag_length: Annotated[
        int | None,
        whole(
            8192,
            1,
            MAX_TAG_LENGTH,
            "the greatest number of characters of a tag's value; a longer value is cut",
            also=("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", read_limit),
        ),
    ]
    default_tags: Annotated[
        Mapping[str, Any] | None,
        Option(
            None,
            "tags of the first span of each trace in this process, a dict",
            _check_tags,
            also=("OTEL_RESOURCE_ATTRIBUTES", read_resource),
        ),
    ]
    local_ip: Annotated[
        str | None,
        Option(
            None,
            "[this service's address](#the-services-address)",
            _check_ip,
            str,
            shown="found",
        ),
    ]
    local_port: Annotated[int | None, whole(0, 0, 65535, "the port that this service listens on", shown="none")]
    warn_unfinished: Annotated[
        bool | None,
        flag(
            False, "warns of spans that are [never finished](#what-is-never-finished), and counts them in `tracer.unfinished`"
        ),
    ]


class Settings(SendingOptions, ReportingOptions, SamplingOptions, PropagationOptions, TracerOptions, total=False):
    """Every setting of a tracer."""


class ConfigureOptions(TypedDict, total=False):
    """`configure`'s own."""

    handle_sigterm: Annotated[
        bool | None,
        flag(
            True,
            "sends the waiting spans before SIGTERM or SIGHUP ends the process; "
            "see [servers and signals](../how-to/servers-and-signals.md)",
        ),
    ]
    instrument: Annotated[
        bool | Sequence[str] | None,
        Option(
            False,
            "the libraries to trace: True for all libraries that we know except `threads`, and all for which an "
            "instrumentation of OpenTelemetry is installed; or a list of names; in the environment `true`, `false`, or names "
            "separated by commas",
            _check_libraries,
            _read_flag_or_words,
        ),
    ]
    http_excluded_paths: Annotated[
        Sequence[str] | None,
        Option(
            (),
            "served paths that are not recorded, for instance `/health`, or `/internal/*` for all paths below `/internal/`; in "
            "the environment separated by commas",
            _check_paths,
            _read_words,
        ),
    ]
    http_trust_forwarded: Annotated[
        bool | None,
        flag(
            False,
            "whether a caller's address is the first one in `X-Forwarded-For`; use it only behind a proxy that sets this "
            "header, because anybody can write it",
        ),
    ]
