"""Proxies and certificates in variables of other programs: `configure` uses those that it can, and never raises for others."""

from __future__ import annotations

import itertools
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings, strategies as st
from requests.utils import prepend_scheme_if_needed, select_proxy
from urllib3.util import parse_url

from opentracing_zipkin import configure
from opentracing_zipkin.senders.http import HttpSender

from .isolation import close_global_tracer
from .senders.raw_server import ACCEPTED, raw_server, saying

pytestmark = pytest.mark.usefixtures("no_settings")

SECRET = "s3cr3t"
VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def proxies_of(endpoint: str) -> dict[str, str]:
    """The proxies that `configure` finds."""
    tracer: Any = configure("service", endpoint=endpoint)
    sender: HttpSender = tracer._recorder._sender
    close_global_tracer()
    return sender._proxies


def as_requests_has_it(endpoint: str) -> str | None:
    """The proxy that a session of requests would use."""
    found = requests.Session().merge_environment_settings(endpoint, {}, False, True, None)["proxies"]
    proxy = select_proxy(endpoint, found)
    return parse_url(prepend_scheme_if_needed(proxy, "http")).url if proxy else None


USABLE = ["http://proxy.corp:3128", "proxy.corp:3128", "proxy.corp", "https://proxy.corp", "//proxy.corp:3128", "http://user:pass@proxy.corp", "HTTP://Proxy.corp:1", "10.0.0.1:3128", "[::1]:3128", "http://[::1]:3128/"]  # fmt: skip


@pytest.mark.parametrize("endpoint", ["http://zipkin.corp:9411", "https://zipkin.corp/p?key=k"])
@pytest.mark.parametrize("value", USABLE)
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_proxy_works_as_in_requests(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str, endpoint: str
) -> None:
    """A proxy works with a scheme and without, in each variable, in upper and lower case."""
    monkeypatch.setenv(variable, value)
    expected = as_requests_has_it(endpoint)
    found = proxies_of(endpoint).get(endpoint.partition("//")[0] + "//zipkin.corp")

    assert expected == (None if found is None else parse_url(found).url)
    assert [] == [message for message in caplog.messages if "proxy" in message]


@pytest.mark.parametrize("value", ["localhost:3128", "proxy-1:3128", f"user:{SECRET}@proxy.corp:3128"])
def test_a_proxy_without_a_scheme_is_a_host_and_a_port(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """`host:port` is read as curl reads it; requests would take the text before the first colon as a scheme."""
    monkeypatch.setenv("ALL_PROXY", value)

    assert {"http://zipkin.corp": f"http://{value}"} == proxies_of("http://zipkin.corp")


NO_PROXY = ["*", "zipkin.corp", ".corp", "corp", "*.corp", "other", "zipkin.corp:9411", "zipkin.corp:80", "ZIPKIN.corp", " other , zipkin.corp ", "10.0.0.0/8", "10.1.2.3", "10.1.2.3:9411", "10.0.0.0/99", "10.0.0.0/x/y", "::1", "[::1]", "fd00::/8", "localhost,*", ",,", "/", "é/8"]  # fmt: skip
ENDPOINTS = ["http://zipkin.corp:9411", "https://zipkin.corp", "http://10.1.2.3:9411", "http://[::1]:9411", "http://localhost"]


@pytest.mark.parametrize(("value", "endpoint"), list(itertools.product(NO_PROXY, ENDPOINTS)))
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_whom_no_proxy_names_is_asked_without(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, endpoint: str
) -> None:
    """NO_PROXY takes names, parts of names, ports, networks and `*`, as requests reads it."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.corp:3128")
    monkeypatch.setenv(variable, value)

    assert [one for one in [as_requests_has_it(endpoint)] if one] == list(proxies_of(endpoint).values())


UNUSABLE = [
    f"socks5h://user:{SECRET}@proxy:1080",
    "socks5://proxy",
    "socks4a://proxy:1080",
    f"tcp://{SECRET}:1",
    f"http://user:{SECRET}@proxy:99999",
    f"http://user:{SECRET}@proxy:port",
    f"user:{SECRET}/@proxy:3128",
    f"user:{SECRET}#@proxy:3128",
    f"http://proxy:{SECRET}",
    f"http:/proxy:3128/{SECRET}",
    f"http:{SECRET}",
    f"{SECRET}:{SECRET}:3128",
    f"http://pro xy/{SECRET}",
    f"http://proxy\n{SECRET}",
    "http://",
    "https://[::1",
    "*",
    "http://?",
    "\x1b[31m",
    "\udcff:1",
]


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_proxy_that_cannot_be_used_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    """The warning names the variable and not the value; the collector is asked without a proxy."""
    monkeypatch.setenv(variable, value)
    scheme = "http" if variable.lower() == "http_proxy" else "https"

    assert {} == proxies_of(f"{scheme}://zipkin.corp/own?key={SECRET}")
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warning.getMessage().startswith(f"zipkin: the environment variable {variable} is not the URL of an HTTP proxy")
    assert SECRET not in caplog.text
    assert caplog.text.rstrip("\n").isprintable()


def test_a_proxy_that_is_not_ours_to_use_is_not_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """No warning concerns a proxy for another scheme or host, or one that our own setting replaces."""
    monkeypatch.setenv("ALL_PROXY", "socks5h://proxy")
    monkeypatch.setenv("HTTPS_PROXY", "  ")
    monkeypatch.setenv("NO_PROXY", "zipkin.corp")

    assert {} == proxies_of("http://zipkin.corp")
    monkeypatch.setenv("ZIPKIN_PROXY", "http://own:1")
    assert {"http://own:1"} == set(proxies_of("http://elsewhere.corp").values())
    assert [] == caplog.messages


@pytest.mark.parametrize("value", ["proxy.corp:3128", "socks5h://proxy:1080", "http://proxy:99999"])
def test_our_own_variable_and_argument_are_read_strictly(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A wrong proxy in our own variable or argument raises ValueError, because it is meant for us."""
    with pytest.raises(ValueError, match=r"^proxy is "):
        configure("service", proxy=value)
    monkeypatch.setenv("ZIPKIN_PROXY", value)
    with pytest.raises(ValueError, match=r"^environment variable ZIPKIN_PROXY is "):
        configure("service")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*VARIABLES, "NO_PROXY", "no_proxy"]), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))  # fmt: skip
def test_configure_never_raises_for_what_was_set_for_others(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """`configure` does not raise for any text in these variables."""
    with monkeypatch.context() as patch:
        for variable, value in values.items():
            patch.setenv(variable, value)
        proxies_of("http://zipkin.corp,https://zipkin.corp,http://10.0.0.1,http://[fd00::1]:9411")


@pytest.mark.parametrize("form", ["http://{at}127.0.0.1:{port}", "{at}127.0.0.1:{port}", "{at}127.0.0.1:{port}/"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_spans_go_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch, variable: str, form: str) -> None:
    """The proxy gets the collector's whole URL, and the proxy's own credentials."""
    with raw_server(saying(ACCEPTED)) as proxy:
        monkeypatch.setenv(variable, form.format(at=f"user:{SECRET}@", port=proxy.port))
        tracer = configure("service", endpoint="http://zipkin.invalid:9411", flush_interval=60)
        tracer.start_trace("x").finish()

        assert True is tracer.flush(5)
    head, _ = proxy.requests[-1]
    assert head.startswith("POST http://zipkin.invalid:9411/api/v2/spans HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {b64encode(f'user:{SECRET}'.encode()).decode()}" in head.split("\r\n")


@pytest.mark.parametrize("value", ["socks5h://127.0.0.1:{port}", "http://127.0.0.1:99999"])
def test_spans_arrive_where_the_proxy_cannot_be_used(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Where the proxy cannot be used, spans are sent directly and arrive."""
    with raw_server(saying(ACCEPTED)) as collector:
        monkeypatch.setenv("ALL_PROXY", value.format(port=collector.port))
        tracer = configure("service", endpoint=f"http://127.0.0.1:{collector.port}", flush_interval=60)
        tracer.start_trace("x").finish()

        assert True is tracer.flush(5)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_that_is_not_there_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str
) -> None:
    """A missing bundle is a warning that names the variable; the bundle of requests is used."""
    monkeypatch.setenv(variable, f"/no/{SECRET}.pem")
    tracer: Any = configure("service", endpoint="https://zipkin")

    assert True is tracer._recorder._sender._verify
    [warning] = caplog.messages
    assert warning.startswith(f"zipkin: the environment variable {variable} names no existing file, and is ignored")
    assert SECRET not in caplog.text


def test_the_first_bundle_that_is_there_counts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The first existing bundle is used, for TLS only; the variables of Python's ssl are not read, as in requests."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")
    plain: Any = configure("service", endpoint="http://zipkin")
    assert (True, []) == (plain._recorder._sender._verify, caplog.messages)
    close_global_tracer()
    tracer: Any = configure("service", endpoint="https://zipkin")

    assert str(tmp_path) == tracer._recorder._sender._verify
    assert 1 == len(caplog.messages)
