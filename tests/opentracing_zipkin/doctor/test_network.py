"""Each step to the collector's server is checked: its name, its port, its certificate, the proxy before it."""

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
    """The findings on the way to a collector and on the collector."""
    for name, value in {"ENDPOINT": endpoint, **settings}.items():
        monkeypatch.setenv(f"ZIPKIN_{name}", value)
    areas = ("name", "connection", "proxy", "TLS", "answer", "query")
    return [finding for finding in Examination().findings() if finding.check in areas]


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # the port is bound and does not listen, so no other process can take it
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


# Name and port


def test_a_name_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name without an address is a fault that names the variable."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    findings = examined(monkeypatch, "http://zipkni:9411")

    assert ["unresolved"] == codes(findings)
    assert "the name zipkni, from ZIPKIN_ENDPOINT, has no address: Name or service not known" == findings[0].text


def test_a_name_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that cannot be a host name is a fault, although no look-up is possible."""

    assert ["unresolved"] == codes(examined(monkeypatch, "http://zipkin..tracing:9411"))


def test_a_port_where_nobody_listens_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed port is a fault, after a finding with the name's addresses."""
    with closed_port() as port:
        findings = examined(monkeypatch, f"http://localhost:{port}")

    assert ["resolved", "refused"] == codes(findings)
    assert "opentracing-zipkin collector" in findings[1].remedy


def test_a_port_that_swallows_connections_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that does not answer, as behind a firewall, is a fault with the seconds of waiting."""

    def swallow(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", swallow)
    findings = examined(monkeypatch, "http://127.0.0.1:9411", SEND_TIMEOUT="0.2")

    assert ["silent"] == codes(findings)
    assert "0.2 s" in findings[0].text


def test_an_address_without_a_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable address is a fault with the system's text; a broadcast address takes no connections."""

    assert ["unreachable"] == codes(examined(monkeypatch, "http://255.255.255.255:9411", SEND_TIMEOUT="0.5"))


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_collectors_one_that_cannot_be_reached_is_a_warning(monkeypatch: pytest.MonkeyPatch, order: int) -> None:
    """An unreachable collector is a warning where the sender can use another one."""
    with closed_port() as port, served(Behaviour()) as server:
        findings = examined(monkeypatch, ", ".join([f"http://127.0.0.1:{port}", server.url][::order]))

    assert {("refused", "warning"), ("found", "ok")} <= {(finding.code, finding.status) for finding in findings}
    assert 0 == exit_status(findings)


def test_of_several_collectors_none_that_can_be_reached_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no collector can be reached, each is a fault."""
    with closed_port() as port:
        findings = examined(monkeypatch, f"http://127.0.0.1:{port}, http://127.0.0.2:{port}")

    assert [("refused", "fault")] * 2 == [(finding.code, finding.status) for finding in findings]


# The proxy


@pytest.mark.parametrize("by", ["ZIPKIN_PROXY", "http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_that_is_not_there_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """A missing proxy is a fault with its variable, ours or one that requests reads, without credentials."""
    with closed_port() as port:
        monkeypatch.setenv(by, f"http://me:hunter2@127.0.0.1:{port}")
        findings = examined(monkeypatch, "http://zipkin.example:9411")

    assert ["by-proxy", "proxy-gone"] == codes(findings)
    assert [True, True] == [f"by {by}" in finding.text for finding in findings]
    assert "hunter2" not in repr(findings)


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_denies_a_tunnel_is_named(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """A proxy that gets user and password and denies a tunnel is a fault with its status."""
    with raw_server(saying(answer(status, reason="Denied"))) as proxy:
        findings = examined(
            monkeypatch, "https://zipkin.example", PROXY=f"http://me:hunter2@127.0.0.1:{proxy.port}", SEND_TIMEOUT="5"
        )

    assert ["by-proxy", "connected", "proxy-denies"] == codes(findings)
    assert f"{status} Denied" in findings[2].text
    assert "Proxy-Authorization: Basic bWU6aHVudGVyMg==" in proxy.requests[0][0]
    assert "hunter2" not in repr(findings)


def test_a_proxy_that_denies_a_message_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TLS, a proxy that denies a message answers in the collector's place."""
    with served(Behaviour(407)) as proxy:
        findings = examined(monkeypatch, "http://zipkin.example:9411", PROXY=proxy.url)

    assert ["by-proxy", "connected", "proxy-authentication"] == codes(findings)


def test_probes_and_questions_go_by_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes and questions go through the proxy, and the proxy looks up the collector's name."""
    with served(Behaviour()) as proxy:
        findings = examined(monkeypatch, "http://zipkin.example:9411", PROXY=proxy.url)

    assert ["by-proxy", "connected", "accepted", "found"] == codes(findings)
    assert {"http://zipkin.example:9411"} == {"/".join(path.split("/")[:3]) for _, path, _ in proxy.requests}


# TLS


class Issued(NamedTuple):
    """A certificate for a server, and the authority that signed it."""

    server: ssl.SSLContext
    authority: str


def issued(folder: Path, name: str, **given: object) -> Issued:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name, **given).configure_cert(context)  # type: ignore[arg-type]
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return Issued(context, str(folder / "authority.pem"))


def test_a_trusted_certificate_is_said_with_its_end(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    """A trusted certificate is told with its end; probes are then sent and found with the same certificates."""
    with served(Behaviour(), certificates.server) as server:
        findings = examined(monkeypatch, server.url, CA_BUNDLE=certificates.authority)

    assert ["connected", "trusted", "accepted", "found"] == codes(findings)
    assert "GMT" in findings[1].text


def test_a_certificate_of_an_unknown_authority_is_named(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    """A certificate of an unknown authority is a fault with the setting that makes it known."""
    with served(Behaviour(), certificates.server) as server:
        findings = examined(monkeypatch, server.url)

    assert ["connected", "untrusted"] == codes(findings)
    assert "ZIPKIN_CA_BUNDLE" in findings[1].remedy


def test_a_certificate_for_another_name_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A certificate for another host name is a fault; perhaps the server is right, and only its name is wrong."""
    context, authority = issued(tmp_path, "other.example")
    with served(Behaviour(), context) as server:
        findings = examined(monkeypatch, server.url, CA_BUNDLE=authority)

    assert ["connected", "other-name"] == codes(findings)


def test_an_expired_certificate_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A certificate that is expired by this machine's clock is a fault."""
    context, authority = issued(tmp_path, "127.0.0.1", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
    with served(Behaviour(), context) as server:
        findings = examined(monkeypatch, server.url, CA_BUNDLE=authority)

    assert ["connected", "expired"] == codes(findings)


def test_a_server_without_tls_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without TLS is a fault where the endpoint says https."""
    with served(Behaviour()) as server:
        findings = examined(monkeypatch, server.url.replace("http:", "https:"))

    assert ["connected", "no-tls"] == codes(findings)


def test_a_server_with_tls_is_named(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    """A server with TLS is a fault where the endpoint says http."""
    with served(Behaviour(), certificates.server) as server:
        findings = examined(monkeypatch, server.url.replace("https:", "http:"))

    assert ["connected", "wants-tls"] == codes(findings)


def test_a_server_that_wants_our_certificate_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that wants our certificate is a fault with the settings for it."""
    context, authority = issued(tmp_path, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    with served(Behaviour(), context) as server:
        last = examined(monkeypatch, server.url, CA_BUNDLE=authority)[-1]

    assert "wants-certificate" == last.code, last
    assert "ZIPKIN_CLIENT_CERT" in last.remedy


def test_a_bundle_that_holds_no_certificate_is_named(
    monkeypatch: pytest.MonkeyPatch, certificates: Certificates, tmp_path: Path
) -> None:
    """A CA bundle that is not PEM is a fault."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("no certificate")
    with served(Behaviour(), certificates.server) as server:
        last = examined(monkeypatch, server.url, CA_BUNDLE=str(bundle))[-1]

    assert "tls-failed" == last.code
    assert "PEM" in last.remedy
