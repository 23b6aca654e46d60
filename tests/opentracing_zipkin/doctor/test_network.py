"""Each step to the collector's server: its name, its port, its certificate, the proxy before it."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from opentracing_zipkin.doctor.examination import Examination
from opentracing_zipkin.doctor.report import Finding, exit_status

from ..senders.certificates import Certificates
from ..senders.raw_server import answer, raw_server, saying
from .servers import Behaviour, served

pytestmark = pytest.mark.usefixtures("_impatient")


def examined(monkeypatch: pytest.MonkeyPatch, endpoint: str, **settings: str) -> list[Finding]:
    """What is found of the way to a collector, and behind it."""
    for name, value in {"ENDPOINT": endpoint, **settings}.items():
        monkeypatch.setenv(f"ZIPKIN_{name}", value)
    areas = ("name", "connection", "proxy", "TLS", "answer", "query")
    return [finding for finding in Examination().findings() if finding.check in areas]


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # not listening, and nobody else can
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


# Name and port


def test_a_name_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that has it."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    findings = examined(monkeypatch, "http://zipkni:9411")

    assert ["unresolved"] == codes(findings)
    assert "the name zipkni, which ZIPKIN_ENDPOINT has, has no address: Name or service not known" == findings[0].text


def test_a_name_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot even be asked for."""

    assert ["unresolved"] == codes(examined(monkeypatch, "http://zipkin..tracing:9411"))


def test_a_port_where_nobody_listens_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name's addresses are said before."""
    with closed_port() as port:
        findings = examined(monkeypatch, f"http://localhost:{port}")

    assert ["resolved", "refused"] == codes(findings)
    assert "opentracing-zipkin collector" in findings[1].remedy


def test_a_port_that_swallows_connections_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a firewall does; with the seconds that were waited."""

    def swallow(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", swallow)
    findings = examined(monkeypatch, "http://127.0.0.1:9411", SEND_TIMEOUT="0.2")

    assert ["silent"] == codes(findings)
    assert "0.2 s" in findings[0].text


def test_an_address_without_a_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's words: that of a broadcast takes no connections."""

    assert ["unreachable"] == codes(examined(monkeypatch, "http://255.255.255.255:9411", SEND_TIMEOUT="0.5"))


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_collectors_one_that_cannot_be_reached_is_a_warning(monkeypatch: pytest.MonkeyPatch, order: int) -> None:
    """Where another takes the spans: the sender goes to that one."""
    with closed_port() as port, served(Behaviour()) as server:
        findings = examined(monkeypatch, ", ".join([f"http://127.0.0.1:{port}", server.url][::order]))

    assert {("refused", "warning"), ("found", "ok")} <= {(finding.code, finding.status) for finding in findings}
    assert 0 == exit_status(findings)


def test_of_several_collectors_none_that_can_be_reached_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named."""
    with closed_port() as port:
        findings = examined(monkeypatch, f"http://127.0.0.1:{port}, http://127.0.0.2:{port}")

    assert [("refused", "fault")] * 2 == [(finding.code, finding.status) for finding in findings]


# The proxy


@pytest.mark.parametrize("by", ["ZIPKIN_PROXY", "http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_that_is_not_there_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """Ours, or one of those that requests knows; without its credentials."""
    with closed_port() as port:
        monkeypatch.setenv(by, f"http://me:hunter2@127.0.0.1:{port}")
        findings = examined(monkeypatch, "http://zipkin.example:9411")

    assert ["by-proxy", "proxy-gone"] == codes(findings)
    assert [True, True] == [f"by {by}" in finding.text for finding in findings]
    assert "hunter2" not in repr(findings)


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_denies_a_tunnel_is_named(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """With its status; it got its user and password."""
    with raw_server(saying(answer(status, reason="Denied"))) as proxy:
        findings = examined(
            monkeypatch, "https://zipkin.example", PROXY=f"http://me:hunter2@127.0.0.1:{proxy.port}", SEND_TIMEOUT="5"
        )

    assert ["by-proxy", "connected", "proxy-denies"] == codes(findings)
    assert f"{status} Denied" in findings[2].text
    assert "Proxy-Authorization: Basic bWU6aHVudGVyMg==" in proxy.requests[0][0]
    assert "hunter2" not in repr(findings)


def test_a_proxy_that_denies_a_message_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TLS it answers in the collector's place."""
    with served(Behaviour(407)) as proxy:
        findings = examined(monkeypatch, "http://zipkin.example:9411", PROXY=proxy.url)

    assert ["by-proxy", "connected", "proxy-authentication"] == codes(findings)


def test_probes_and_questions_go_by_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the collector is the proxy's to look up."""
    with served(Behaviour()) as proxy:
        findings = examined(monkeypatch, "http://zipkin.example:9411", PROXY=proxy.url)

    assert ["by-proxy", "connected", "accepted", "found"] == codes(findings)
    assert {"http://zipkin.example:9411"} == {"/".join(path.split("/")[:3]) for _, path, _ in proxy.requests}


# TLS


class Issued(NamedTuple):
    """A certificate for a server, and the authority that has signed it."""

    server: ssl.SSLContext
    authority: str


def issued(folder: Path, name: str, **given: object) -> Issued:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name, **given).configure_cert(context)  # type: ignore[arg-type]
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return Issued(context, str(folder / "authority.pem"))


def test_a_trusted_certificate_is_said_with_its_end(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    """Spans are then sent, and found again, by the same certificates."""
    with served(Behaviour(), certificates.server) as server:
        findings = examined(monkeypatch, server.url, CA_BUNDLE=certificates.authority)

    assert ["connected", "trusted", "accepted", "found"] == codes(findings)
    assert "GMT" in findings[1].text


def test_a_certificate_of_an_unknown_authority_is_named(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    """With the setting that makes it known."""
    with served(Behaviour(), certificates.server) as server:
        findings = examined(monkeypatch, server.url)

    assert ["connected", "untrusted"] == codes(findings)
    assert "ZIPKIN_CA_BUNDLE" in findings[1].remedy


def test_a_certificate_for_another_name_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server is the right one perhaps, and its name is not."""
    context, authority = issued(tmp_path, "other.example")
    with served(Behaviour(), context) as server:
        findings = examined(monkeypatch, server.url, CA_BUNDLE=authority)

    assert ["connected", "other-name"] == codes(findings)


def test_an_expired_certificate_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By this machine's clock."""
    context, authority = issued(tmp_path, "127.0.0.1", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
    with served(Behaviour(), context) as server:
        findings = examined(monkeypatch, server.url, CA_BUNDLE=authority)

    assert ["connected", "expired"] == codes(findings)


def test_a_server_without_tls_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the endpoint says https."""
    with served(Behaviour()) as server:
        findings = examined(monkeypatch, server.url.replace("http:", "https:"))

    assert ["connected", "no-tls"] == codes(findings)


def test_a_server_with_tls_is_named(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    """Where the endpoint says http."""
    with served(Behaviour(), certificates.server) as server:
        findings = examined(monkeypatch, server.url.replace("https:", "http:"))

    assert ["connected", "wants-tls"] == codes(findings)


def test_a_server_that_wants_our_certificate_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the settings that have it."""
    context, authority = issued(tmp_path, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    with served(Behaviour(), context) as server:
        last = examined(monkeypatch, server.url, CA_BUNDLE=authority)[-1]

    assert "wants-certificate" == last.code, last
    assert "ZIPKIN_CLIENT_CERT" in last.remedy


def test_a_bundle_that_holds_no_certificate_is_named(
    monkeypatch: pytest.MonkeyPatch, certificates: Certificates, tmp_path: Path
) -> None:
    """The file is there, and is not PEM."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("no certificate")
    with served(Behaviour(), certificates.server) as server:
        last = examined(monkeypatch, server.url, CA_BUNDLE=str(bundle))[-1]

    assert "tls-failed" == last.code
    assert "PEM" in last.remedy
