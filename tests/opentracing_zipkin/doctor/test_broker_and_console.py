"""Spans that go to a broker, or to the console; in these tests a fake sender plays the broker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from opentracing_zipkin.__main__ import main
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.doctor import broker_and_console
from opentracing_zipkin.doctor.examination import Examination
from opentracing_zipkin.doctor.report import Finding
from opentracing_zipkin.senders import Sender, SendError
from opentracing_zipkin.senders.http import HttpSender

from .servers import Behaviour, served, service

BROKERS = ("kafka://me:hunter22@127.0.0.1:9/spans", "amqp://me:hunter22@127.0.0.1:9/shop?queue=spans")
SHOWN = {BROKERS[0]: "kafka://127.0.0.1:9/spans", BROKERS[1]: "amqp://127.0.0.1:9/shop"}


class Broker(Sender):
    """A fake broker that accepts or refuses messages; a Zipkin server, where one is named, reads the accepted ones."""

    def __init__(self, refusal: SendError | None = None, server: str = "") -> None:
        self.bodies: list[bytes] = []
        self.closed = 0
        self._refusal = refusal
        self._server = HttpSender(server, "/api/v2/spans", "application/json") if server else None

    def send(self, body: bytes, /) -> None:
        if self._refusal is not None:
            raise self._refusal
        self.bodies.append(body)
        if self._server is not None:
            self._server.send(body)

    def close(self) -> None:
        self.closed += 1
        if self._server is not None:
            self._server.close()


@pytest.fixture(params=BROKERS)
def endpoint(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ZIPKIN_ENDPOINT", request.param)
    return str(request.param)


def use(monkeypatch: pytest.MonkeyPatch, broker: Broker) -> None:
    def chosen(given: Mapping[str, Any], path: str, media_type: str) -> Sender:
        return broker

    monkeypatch.setattr(broker_and_console, "chosen_sender", chosen)


def found(*urls: str | None) -> dict[str, Finding]:
    findings = list(Examination().findings(*urls))

    assert [] == [one for one in findings if "hunter22" in repr(one)]
    return {one.code: one for one in findings}


@contextmanager
def in_memory() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def test_a_broker_that_takes_a_message_is_told(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that takes an empty list from the application's sender is ok; a warning says that no server was asked."""
    broker = Broker()
    use(monkeypatch, broker)
    findings = found()

    assert [b"[]"] == broker.bodies
    assert 1 == broker.closed
    assert SHOWN[endpoint] in findings["sent-to-broker"].text
    assert ("ok", "broker") == (findings["taken"].status, findings["taken"].check)
    assert ("warning", "query") == (findings["unread"].status, findings["unread"].check)
    assert "doctor --zipkin http://zipkin:9411" in findings["unread"].remedy


@pytest.mark.parametrize(("retryable", "code", "remedy"), [
    (True, "not-taken", "find out whether the broker runs"),
    (False, "refused-by-broker", "look at the user"),
])  # fmt: skip
def test_a_broker_that_takes_no_message_is_told_with_the_reason(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, retryable: bool, code: str, remedy: str
) -> None:
    """A broker that takes no message is a fault with the reason, and no service is called."""
    broker = Broker(SendError("it said no", retryable=retryable))
    use(monkeypatch, broker)
    findings = found("http://127.0.0.1:9/buy")

    assert ("fault", True) == (findings[code].status, findings[code].text.endswith(": it said no"))
    assert findings[code].remedy.startswith(remedy)
    assert 1 == broker.closed
    assert "fault" == findings["skipped"].status


def test_what_a_broker_has_taken_is_looked_for_at_the_server(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that `--zipkin` names gets only questions, and no credentials of the broker."""
    with in_memory() as collector:
        broker = Broker(server=collector.url)
        use(monkeypatch, broker)
        findings = found(None, collector.url)

    assert {"taken", "found"} <= set(findings)
    assert 2 == len(broker.bodies)


@pytest.mark.usefixtures("_impatient")
def test_a_server_that_does_not_read_from_the_broker_is_told(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not read from the broker is a fault with the variables that configure it."""
    with in_memory() as collector:
        use(monkeypatch, Broker())
        finding = found(None, collector.url)["not-read"]

    assert "fault" == finding.status
    assert SHOWN[endpoint] in finding.text
    assert "KAFKA_BOOTSTRAP_SERVERS" in finding.remedy
    assert "RABBIT_ADDRESSES" in finding.remedy


def test_a_server_behind_a_broker_that_is_none_of_zipkins_is_told(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `--zipkin` names another HTTP server, the remedy says to look at host and port of `--zipkin`."""
    with served(Behaviour(queries=(404, "text/html", "<title>Not Found</title>"))) as server:
        use(monkeypatch, Broker())
        finding = found(None, server.url)["no-queries"]

    assert "if this is not a Zipkin server, look at the host and the port in --zipkin" in finding.remedy
    assert SHOWN[endpoint] not in finding.remedy


def test_a_service_is_called_where_the_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service is called only where `--zipkin` names the server; else a remedy tells how."""
    monkeypatch.setenv("ZIPKIN_ENDPOINT", BROKERS[0])
    with in_memory() as collector, service(collector.url) as shop:
        use(monkeypatch, Broker(server=collector.url))
        called, not_called = found(f"{shop.url}/buy", collector.url), found(f"{shop.url}/buy")

    assert "answered" in called
    assert "not-called" not in called
    assert "--zipkin" in not_called["not-called"].remedy
    assert "warning" == not_called["not-called"].status


def test_a_console_that_can_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console is checked without writing or making a file; a warning says that the lines stay there."""
    path = tmp_path / "spans.jsonl"
    monkeypatch.setenv("ZIPKIN_ENDPOINT", f"console:{path}")
    absent = found("http://127.0.0.1:9/buy")
    assert False is path.exists()
    path.write_bytes(b"one\n")
    there = found()

    for findings in (absent, there):
        assert f"{path} can be written by this user" == findings["writable"].text
        assert f"spans are written to {path}, a line each in json, by ZIPKIN_ENDPOINT" == findings["written-to"].text
        assert "docs/how-to/console.md" in findings["uncollected"].remedy
    assert "not-called" in absent
    assert b"one\n" == path.read_bytes()


@pytest.mark.parametrize(("name", "words"), [
    ("none/spans.jsonl", "No such file or directory; make its folder"),
    (".", "Is a directory; give the path of a file"),
    ("pipe", "No such device or address; nobody reads it"),
])  # fmt: skip
def test_a_console_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    """A console that cannot be written is a fault with the reason."""
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("ZIPKIN_ENDPOINT", f"console:{tmp_path / name}")
    finding = found()["not-writable"]

    assert ("fault", f"{tmp_path / name} cannot be written by this user: {words}") == (finding.status, finding.text)


def test_a_console_without_stderr_is_told() -> None:
    """A process that was started without standard error is a fault."""
    command = [sys.executable, "-m", "opentracing_zipkin", "doctor"]
    done = subprocess.run(
        command,
        env={"ZIPKIN_ENDPOINT": "console:", "ZIPKIN_SERVICE_NAME": "shop"},
        stdout=subprocess.PIPE, text=True, timeout=60, check=False, preexec_fn=lambda: os.close(2),
    )  # fmt: skip

    assert 1 == done.returncode
    assert "stderr cannot be written by this user" in " ".join(done.stdout.split())


def test_a_client_that_is_not_installed_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker's missing client is a wrong endpoint: `configure()` raises for it, and `run` traces nothing."""
    for module, extra, endpoint in (("confluent_kafka", "kafka", "kafka://a"), ("pika", "rabbitmq", "amqp://a")):
        monkeypatch.setitem(sys.modules, module, None)
        for name in [
            name for name in sys.modules if name.startswith("opentracing_zipkin.senders.") and name.endswith((extra, "amqp"))
        ]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setenv("ZIPKIN_ENDPOINT", endpoint)
        with pytest.raises(ImportError, match=rf"^environment variable ZIPKIN_ENDPOINT cannot be used; .*'{extra}'"):
            main_configure()
        finding = found()["wrong-value"]
        assert f"'{extra}'" in finding.text + finding.remedy


def main_configure() -> None:
    from opentracing_zipkin import configure

    configure("service")


def test_a_variable_of_another_sender_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A variable of a sender that is not chosen is ignored, whatever its value, and a finding says so."""
    monkeypatch.setenv("ZIPKIN_ENDPOINT", f"console:{tmp_path / 'x'}")
    monkeypatch.setenv("ZIPKIN_KAFKA_ACKS", "hunter22")
    finding = found()["for-another-sender"]

    assert ("warning", True) == (
        finding.status,
        finding.text.startswith("ZIPKIN_KAFKA_ACKS is ignored, because an endpoint with console:"),
    )


def test_a_server_that_is_no_url_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """`--zipkin` with no URL ends with status 2, and its message shows no credentials."""
    assert 2 == main(["doctor", "--zipkin", "zipkin:hunter22"])
    printed = capsys.readouterr().err
    assert printed.startswith("opentracing-zipkin doctor: --zipkin is '***'; use the server's URL")
