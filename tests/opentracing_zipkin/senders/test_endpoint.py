"""The setting `endpoint`: the scheme chooses the sender."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer, configure
from opentracing_zipkin.senders import endpoint as module
from opentracing_zipkin.senders.console import ConsoleSender
from opentracing_zipkin.senders.endpoint import CONSOLE, HTTP, KAFKA, RABBITMQ, endpoints_of, kind_of, route_of, shown_target
from opentracing_zipkin.senders.http import HttpSender
from opentracing_zipkin.settings import describe_environment

V2 = "/api/v2/spans"

# An endpoint; the sender that it chooses, its URLs, whose route tells this host's address, and how the first is shown.
RIGHT: list[tuple[Any, str, list[str], str, str]] = [
    ("http://a", HTTP, ["http://a"], "http://a", "http://a/api/v2/spans"),
    ("http://a,https://b/", HTTP, ["http://a", "https://b/"], "http://a", "http://a/api/v2/spans"),
    (" Kafka://a,b:1/t ", KAFKA, ["Kafka://a,b:1/t"], "kafka://a:9092", "Kafka://a,b:1/t"),
    ("kafka://u:p@a/t,kafka://u:p@b/t", KAFKA, ["kafka://u:p@a/t", "kafka://u:p@b/t"], "kafka://a:9092", "kafka://a/t"),
    ("amqp://u:p@h/v?queue=q", RABBITMQ, ["amqp://u:p@h/v?queue=q"], "amqp://u:p@h/v?queue=q", "amqp://h/v?***"),
    (["amqp://a", "amqps://b"], RABBITMQ, ["amqp://a", "amqps://b"], "amqp://a", "amqp://a"),
    ("console:", CONSOLE, ["console:"], "", "stderr"),
    ("console://", CONSOLE, ["console://"], "", "stderr"),
    (["console:"], CONSOLE, ["console:"], "", "stderr"),
    ("console:/var/log/a b,c?d@e.jsonl", CONSOLE, ["console:/var/log/a b,c?d@e.jsonl"], "", "/var/log/a b,c?d@e.jsonl"),
    ("CONSOLE:///var/log/spans", CONSOLE, ["CONSOLE:///var/log/spans"], "", "/var/log/spans"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "kind", "urls", "route", "shown"), RIGHT)
def test_the_scheme_chooses_the_sender(endpoint: Any, kind: str, urls: list[str], route: str, shown: str) -> None:
    """The scheme chooses the sender in any case of letters, and a comma between Kafka's brokers separates no URLs."""
    assert (kind, urls, route, shown) == (
        kind_of(endpoint),
        endpoints_of(endpoint),
        route_of(endpoint),
        shown_target(urls[0], V2),
    )


SCHEMES = "use a URL that begins with http://, https://, kafka://, amqp://, amqps:// or console:"
CONSOLES = "use console: for lines on stderr, or an absolute path behind it"
WRONG: list[tuple[Any, str]] = [
    ("ftp://u:secret@h", f"is 'ftp://h'; {SCHEMES}"),
    ("redis://secret@h/x", f"is 'redis://h/x'; {SCHEMES}"),
    (["http://a", "otlp://b"], f"is 'otlp://b'; {SCHEMES}"),
    ("localhost:9411", "is 'localhost:9411'; use the collector's URL"),
    ("http://a,kafka://b", "has HTTP and Kafka; give the URLs of one sender only"),
    (["amqp://a", "http://b"], "has RabbitMQ and HTTP; give the URLs of one sender only"),
    (["kafka://a", "console:"], "has Kafka and console; give the URLs of one sender only"),
    (["console:", "console:/x"], "has console: and another URL; give only one of them"),
    ("console:stdout", CONSOLES),
    ("console:spans.jsonl", CONSOLES),
    ("console:./spans.jsonl", CONSOLES),
    ("console://host/path", CONSOLES),
    ("console:/var/log/", CONSOLES),
    ("console:/a\nb", CONSOLES),
    ("console:,http://u:secret@a", "has console: and another URL; give only one of them"),
    ("console:/x,console:/y", "has console: and another URL; give only one of them"),
    ("console:/x , kafka://u:secret@a", "has console: and another URL; give only one of them"),
    ("kafka:9092", "is 'kafka:9092'; use its brokers and the topic, for instance kafka://one:9092"),
    ("kafka:/u:secret@a", "use its brokers and the topic, for instance kafka://one:9092"),
    ("amqp:u:secret@h", "use the broker's URL, for instance amqp://"),
    ([], r"is []; use the collector's URL"),
    (9411, "is 9411; use the collector's URL"),
    (["http://a", 5], "is 5; use the collector's URL"),
    (["kafka://a", None], "is None; use the collector's URL"),
]


# Where a part of the text is empty, for each URL that stands beside it.
_URLS = ["http://u:secret@a:9411", "https://a/api/v2/spans", "kafka://u:secret@a", "amqp://u:secret@a/v", "http://[::1]:9411"]
EMPTY_PARTS: list[tuple[Any, str]] = [
    *((f"{before}{url}", "has an empty part before its first comma") for url in _URLS for before in (",", " , ", ",,")),
    *((f"{url}{after}", "has an empty part after its last comma") for url in _URLS for after in (",", " , ", ",,", ", ,")),
    *((f"{url}{comma}{url}", "has an empty part between two commas") for url in _URLS for comma in (",,", ", ,", " , , ")),
    *(([*before, url], "has an empty text in place 1 of its list") for url in _URLS for before in ([""], [" "], ["", ""])),
    *(([url, empty], "has an empty text in place 2 of its list") for url in _URLS for empty in ("", "  ")),
    *(([f"{url},"], "has an empty part after its last comma") for url in _URLS),
    (",", "has an empty part before its first comma"),
    ([""], "has an empty text in place 1 of its list"),
    ("kafka://a:9092,,b:9092/zipkin", "has an empty part among its brokers"),
    ("kafka://u:secret@a:9092,/zipkin", "has an empty part among its brokers"),
    ("kafka://u:secret@,a/zipkin", "has an empty part among its brokers"),
]
WRONG += EMPTY_PARTS


@pytest.mark.parametrize(
    "endpoint", ["http://a,http://b", " http://a , http://b ", ["http://a", " http://b"], ("http://a", "http://b")]
)
def test_space_around_urls_and_commas_does_not_matter(endpoint: Any) -> None:
    """URLs may have space around them."""
    assert ["http://a", "http://b"] == endpoints_of(endpoint)


@pytest.mark.parametrize(("endpoint", "words"), WRONG)
def test_an_endpoint_that_chooses_no_sender_is_refused(endpoint: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint with another scheme is refused with the list of schemes, and with the variable's name."""
    for construct in (endpoints_of, lambda endpoint: ZipkinTracer("service", endpoint=endpoint)):
        with pytest.raises(ValueError, match=r"^endpoint ") as caught:
            construct(endpoint)
        assert words in str(caught.value)
        assert "secret" not in str(caught.value)
    if isinstance(endpoint, str):
        monkeypatch.setenv("ZIPKIN_ENDPOINT", endpoint)
        with pytest.raises(ValueError, match=r"^environment variable ZIPKIN_ENDPOINT ") as caught:
            configure("service")
        assert words in str(caught.value)


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize(("endpoint", "sender"), [("http://127.0.0.1:9", HttpSender), ("console:", ConsoleSender)])
@pytest.mark.parametrize("variable", ["ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_ENDPOINT"])
def test_both_variables_choose_a_sender(monkeypatch: pytest.MonkeyPatch, endpoint: str, sender: type, variable: str) -> None:
    """Our variable and OpenTelemetry's choose a sender, and `opentracing-zipkin run` says where spans go."""
    monkeypatch.setenv(variable, endpoint)
    tracer: Any = configure("service")
    _, target, _ = describe_environment()

    assert sender is type(tracer._recorder._sender)
    assert shown_target(endpoint, V2) == target


@pytest.mark.usefixtures("no_settings")
def test_proxies_and_certificates_of_requests_are_for_http_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables for requests do not reach another sender, and cause no error there."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", __file__)
    tracer = configure("service", endpoint="console:")

    assert tracer is opentracing.tracer


def test_a_console_needs_no_broker_and_a_collector_no_broker_and_no_console() -> None:
    """Only the module and the client library of the chosen sender are imported."""
    code = """
import sys
import opentracing_zipkin
opentracing_zipkin.configure("service")
found = [name for name in ("kafka", "rabbitmq", "console") if f"opentracing_zipkin.senders.{name}" in sys.modules]
print(found, [name for name in ("confluent_kafka", "pika") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert "[] []\n" == done.stdout


def test_every_kind_of_sender_is_in_these_tables() -> None:
    """The tables of these tests have every kind of sender, also a new one."""
    assert set(module._KINDS) == {kind for _, kind, *_ in RIGHT}
