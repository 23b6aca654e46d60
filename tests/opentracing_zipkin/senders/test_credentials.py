"""Credentials are never shown: not in a message, a chained exception, a log line or a repr, whatever is wrong around them."""

from __future__ import annotations

import html
import itertools
import json
import logging
import re
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests

import opentracing
from opentracing_zipkin import ZipkinTracer, configure
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.connection import Adapter
from opentracing_zipkin.senders.credentials import hide, in_headers, in_url
from opentracing_zipkin.senders.http import HttpSender
from opentracing_zipkin.senders.url import shown

from .raw_server import ACCEPTED, raw_server, saying

pytestmark = pytest.mark.usefixtures("no_settings")

V2 = "/api/v2/spans"
SECRET = "s3cr3t"

# Passwords, each with a part by which a test would find it in a message.
PASSWORDS = [
    f"{left}{mark}{right}"
    for mark in ("", "/", "#", "@", "?", ":", " ", "\n", ",", "%", "\\", "℀", "[")
    for left, right in ((SECRET, SECRET), ("12", SECRET), (SECRET, ""), ("", SECRET))
]
USERS = [f"user:{password}@" for password in PASSWORDS] + [f"{SECRET}@", f"{SECRET}:@"]
QUERIES = [f"?key={SECRET}", f"?{SECRET}", f"?a={SECRET}@{SECRET}&b={SECRET}", f"?a={SECRET},{SECRET}", f"?a=1?{SECRET}"]
FAULTY = ["{user}host", "{user}host:9411", "//{user}host", "http://{user}host:99999", "http://{user}host:" + SECRET, "ftp://{user}host", "http:/{user}host", "http://{user}", "http://{user}h,i", "http://{user}[::1", "http://{user}a b", "http://{user}.host"]  # fmt: skip


def _malformed() -> Iterator[str]:
    """Malformed endpoints, each with the secret in one place or in two."""
    for fault, user, query in itertools.product(FAULTY, USERS, ["", QUERIES[0], QUERIES[2]]):
        yield fault.format(user=user) + "/path" + query
        yield fault.format(user=user) + query
    for fault, query, fragment in itertools.product(FAULTY, QUERIES, ["", f"#{SECRET}", f"#/x?{SECRET}"]):
        yield fault.format(user="") + "/path" + query + fragment
    for user, query in itertools.product(["", *USERS], ["", *QUERIES]):
        yield f"http://{user}host/path{query}"
        yield f"http://{user}host/path{query}#{SECRET}"
        yield f"http://{user}host{query}#"


MALFORMED = list(_malformed())


def leaks(error: BaseException) -> list[str]:
    """The places that show the secret: message, repr and printed traceback of the error and of all errors in its chain.

    Also errors that a traceback leaves out are searched, because services that collect errors read them.
    """
    chain: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and one not in chain:
            chain.append(one)
            left += [one.__cause__, one.__context__]
    seen = [text for part in chain for text in (str(part), repr(part), repr(part.args), repr(vars(part)))]
    seen += [line for line in traceback.format_exception(error) if not line.startswith("  ")]
    return [text for text in seen if SECRET in text or "s3c" in text]


def is_refused(construct: Callable[[], object]) -> bool:
    """Whether the call raises WrongSetting, without the secret anywhere."""
    refusal: ValueError | None = None
    try:
        assert SECRET not in repr(construct())
    except ValueError as error:
        refusal = error
    assert refusal is None or [] == leaks(refusal)
    return refusal is not None


def sender(endpoint: Any, **options: Any) -> HttpSender:
    return HttpSender(endpoint, V2, "application/json", send_timeout=0.5, **options)


def test_a_malformed_endpoint_shows_no_credential() -> None:
    """A malformed endpoint shows no credential in its error, and an accepted one shows none in its repr."""
    refused = [endpoint for endpoint in MALFORMED if is_refused(lambda endpoint=endpoint: sender(endpoint))]  # type: ignore[misc]

    assert len(MALFORMED) > 3000
    assert len(refused) > 0.9 * len(MALFORMED)


def test_a_malformed_endpoint_in_a_list_shows_no_credential() -> None:
    """A malformed endpoint in a list or in a text with commas shows no credential."""
    for endpoint in MALFORMED[::7]:
        is_refused(lambda endpoint=endpoint: sender([f"http://user:{SECRET}@good", endpoint]))  # type: ignore[misc]
        is_refused(lambda endpoint=endpoint: sender(f"http://user:{SECRET}@good, {endpoint}"))  # type: ignore[misc]


def test_a_malformed_proxy_shows_no_credential() -> None:
    """A malformed proxy shows no credential, alone and in a dict."""
    for proxy in MALFORMED:
        is_refused(lambda proxy=proxy: sender("http://host", proxy=proxy))  # type: ignore[misc]
    for proxy in MALFORMED[::7]:
        is_refused(lambda proxy=proxy: sender("http://host", proxy={f"http://{SECRET}": proxy}))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        ("proxy:3128", "is 'proxy:3128'; use its URL"),
        ("user:secret@proxy:3128", "is 'proxy:3128'; use its URL"),
        ("socks5://user:secret@proxy", "is 'socks5://proxy'; use its URL"),
        ("http://user:secret@proxy:99999", "is 'http://proxy:99999'; Port out of range 0-65535"),
        ({"http://a": "http://good", "http://b": "user:secret@proxy"}, "is 'proxy'; use its URL"),
        (b"http://user:secret@proxy", "is of type bytes; use its URL"),
    ],
)
def test_a_wrong_proxy_is_shown_without_its_credentials(proxy: Any, message: str) -> None:
    """A wrong proxy is shown without its credentials, with the remedy."""
    with pytest.raises(ValueError, match=f"^proxy {message}"):
        sender("http://host", proxy=proxy)


@pytest.mark.parametrize("variable", ["ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "ZIPKIN_PROXY"])
def test_a_wrong_url_in_the_environment_names_its_variable_alone(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A wrong URL in the environment is reported by its variable, without the credential."""
    for url in (
        "http://user:s3cr3t@host:99999/x?k=s3cr3t",
        "user:s3cr3t@host",
        "ftp://host/?s3cr3t",
        "http://user:#s3cr3t@host",
    ):
        monkeypatch.setenv(variable, url)
        with pytest.raises(ValueError, match=f"^environment variable {variable}.* is '.*'; ") as caught:
            configure("service")

        assert [] == leaks(caught.value)
    assert False is opentracing.is_global_tracer_registered()


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        (f"Authorization: {SECRET}", "is of type str"),
        ([("Authorization", SECRET)], "is of type list"),
        ({"Authorization": f"{SECRET}\n"}, "has 'Authorization' with a value"),
        ({"Authorization": f"{SECRET}\r\nX: y"}, "has 'Authorization' with a value"),
        ({"Authorization": f" {SECRET}"}, "has 'Authorization' with a value"),
        ({"Authorization": f"{SECRET}☃"}, "has 'Authorization' with a value"),
        ({"Authorization": SECRET.encode()}, "has 'Authorization' with a value"),
        ({"Authorization": [SECRET]}, "has 'Authorization' with a value"),
        ({f"Authorization: {SECRET}": ""}, "has a name"),
        ({f"{SECRET}\n": ""}, "has a name"),
        ({f"{SECRET}☃": ""}, "has a name"),
        ({SECRET.encode(): ""}, "has a name"),
    ],
)
def test_wrong_headers_are_refused_at_once_and_not_shown(headers: Any, problem: str) -> None:
    """Wrong headers are refused at once, because the HTTP library would refuse them at each message and show the value."""
    with pytest.raises(ValueError, match=f"^headers {problem}.*; use a dict from names to values") as caught:
        sender("http://host", headers=headers)

    assert [] == leaks(caught.value)


@pytest.mark.parametrize("name", ["ca_bundle", "client_cert", "client_key"])
@pytest.mark.parametrize(
    "value",
    [
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----{SECRET}",
        f"LS0tLS1{SECRET}",
        f"{SECRET}/" * 99,
        SECRET.encode(),
    ],
)
def test_a_key_in_the_place_of_its_file_is_not_shown(name: str, value: Any) -> None:
    """A key in the place of its file's path is not shown, and the error says what belongs there."""
    options = {"client_cert": __file__, name: value} if name == "client_key" else {name: value}
    with pytest.raises(ValueError, match=f"^{name} is .*; use the path of an existing PEM file") as caught:
        sender("http://host", **options)

    assert [] == leaks(caught.value)


def test_a_password_that_cannot_be_sent_is_not_shown() -> None:
    """A password that Latin-1, the encoding over HTTP, cannot hold is refused and not shown."""
    for options in (
        {"endpoint": "http://host", "auth": ("user", f"{SECRET}☃")},
        {"endpoint": f"http://user:{SECRET}%E2%98%83@host"},
    ):
        with pytest.raises(ValueError, match=r"^(auth|endpoint) ") as caught:
            sender(**options)

        assert [] == leaks(caught.value)


BROKERS = ["kafka://host", "amqp://host", "amqps://host"]


@pytest.mark.parametrize("endpoint", BROKERS)
def test_a_broker_gets_user_and_password_in_any_script(endpoint: str) -> None:
    """A broker gets user and password as UTF-8; a NUL or half a character is refused and not shown."""
    tracer = ZipkinTracer("service", endpoint=endpoint, auth=("größe", f"{SECRET}☃€"))
    tracer.close(0)
    for wrong in (f"{SECRET}\0", f"{SECRET}\udcff"):
        for auth in (("user", wrong), (wrong, "password")):
            with pytest.raises(ValueError, match=r"^auth has characters that cannot be sent; use those of UTF-8") as caught:
                ZipkinTracer("service", endpoint=endpoint, auth=auth)

            assert [] == leaks(caught.value)


GOOD = [
    (f"http://user:{SECRET}@127.0.0.1:{{port}}/trace/v1?key={SECRET}&b=1", {}),
    (f"http://{SECRET}@127.0.0.1:{{port}}?{SECRET}", {}),
    (f"http://127.0.0.1:{{port}}/a?b={SECRET}%20@c", {"headers": {"Authorization": f"Bearer {SECRET}"}}),
    (f"http://127.0.0.1:{{port}}/a/../b?c=%2f%41|&b={SECRET}", {}),
    ("http://127.0.0.1:{port}", {"auth": ("user", SECRET)}),
]


@pytest.mark.parametrize(("endpoint", "options"), GOOD)
def test_a_failed_send_shows_no_credential(caplog: pytest.LogCaptureFixture, endpoint: str, options: dict[str, Any]) -> None:
    """No failure of a message shows a credential, also not in the HTTP library's log."""

    def repeat(connection: Any) -> None:
        said = server.requests[-1][0].encode() + SECRET.encode()
        connection.sendall(b"HTTP/1.1 400 %s\r\nContent-Length: %d\r\n\r\n%s" % (SECRET.encode(), len(said), said))

    caplog.set_level(logging.DEBUG)
    errors = []
    with raw_server(repeat) as server:
        one = sender(endpoint.format(port=server.port), **options)
        for _ in range(2):
            with pytest.raises(SendError, match="HTTP 400") as caught:
                one.send(b"[]")
            errors.append(caught.value)
    with raw_server(lambda connection: connection.sendall(b"nonsense\r\n\r\n")) as server:
        with pytest.raises(SendError) as caught:
            sender(endpoint.format(port=server.port), **options).send(b"[]")
        errors.append(caught.value)
    with raw_server(lambda connection: connection.shutdown(2)) as server:
        with pytest.raises(SendError) as caught:
            sender(endpoint.format(port=server.port), **options).send(b"[]")
        errors.append(caught.value)
    with pytest.raises(SendError, match="Connection refused") as caught:
        sender(endpoint.format(port=9), **options).send(b"[]")
    errors.append(caught.value)
    with pytest.raises(SendError, match="refused") as caught:
        sender(endpoint.format(port=9), proxy=f"http://user:{SECRET}@127.0.0.1:9", **options).send(b"[]")
    errors.append(caught.value)

    assert [] == [leak for error in errors for leak in leaks(error)]
    assert "urllib3" in {record.name.split(".")[0] for record in caplog.records}
    assert SECRET not in caplog.text
    assert SECRET not in repr(one)


def test_an_error_of_the_library_that_shows_the_url_is_shown_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the library with the URL in it is shown without the credentials."""

    def fail(*args: Any, **kwargs: Any) -> None:
        raise requests.ConnectionError(f"http://host/p?key={SECRET} (user:{SECRET}@host)")

    monkeypatch.setattr(Adapter, "send", fail)
    with pytest.raises(SendError) as caught:
        sender(f"http://user:{SECRET}@host/p?key={SECRET}").send(b"[]")

    assert [] == leaks(caught.value)


def test_a_tracer_shows_no_credential_in_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    """A tracer shows no credential while it is configured, sends, fails and is replaced."""
    caplog.set_level(logging.DEBUG)
    with raw_server(lambda connection: connection.sendall(ACCEPTED)) as server:
        for port in (server.port, 9):
            for endpoint in (f"http://user:{SECRET}@127.0.0.1:{port}/own", f"http://127.0.0.1:{port}/own?key={SECRET}"):
                tracer = configure("service", endpoint=endpoint)
                tracer.start_trace("x").finish()
                tracer.flush(0.5)

                assert SECRET not in repr(tracer) + repr(tracer._recorder) + repr(tracer.stats)
        assert 2 == len(server.requests)

    assert "exactly as it is" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host:9411/a/b", "http://host:9411/a/b"),
        ("http://user:pass@host/a", "http://host/a"),
        ("http://host/a?b=c", "http://host/a?***"),
        ("http://host/a?b=c@d", "http://***"),
        ("https://[::1]:9411/x", "https://[::1]:9411/x"),
        ("https://host/v1:x;y=z,w", "https://host/v1:x;y=z,w"),
    ],
)
def test_a_url_is_shown_without_user_password_and_query(url: str, expected: str) -> None:
    """A URL is shown without user, password and query; with an @ behind the path only the scheme is shown."""

    assert expected == shown(url)


def test_words_that_were_set_as_secrets_are_replaced_in_a_text() -> None:
    """Secrets are replaced, encoded and decoded, the longest first, except those of less than four characters."""
    secrets = [*in_url("http://u:p%40ssword@h/?key=a%20b%20c&f=zip"), *in_headers(["Bearer token"])]

    assert "*** and *** at *** as zip, Bearer of ***" == hide(
        "p%40ssword and p@ssword at key=a%20b%20c as zip, Bearer of token", secrets
    )
    assert "***, ***" == hide("key=a%20b%20c&f=zip, a b c", secrets)


# For each place where a credential may be given: wrong values that contain a credential.
KEY = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"
URLS: list[Any] = [f"http://user:{SECRET}@host:99999", f"user:{SECRET}@host", f"ftp://host/?{SECRET}", f"http://user:{SECRET}#@host", f"http://user:{SECRET}\n@host", f"http://h/#{SECRET}", f"http://\x1b{SECRET}@host", f"\udcff{SECRET}", SECRET.encode(), {SECRET: SECRET}, {SECRET}, [f"http://good?{SECRET}", f"http://user:{SECRET}@bad:x"]]  # fmt: skip
HEADERS: list[Any] = [f"Authorization: {SECRET}", SECRET.encode(), [("Authorization", SECRET)], {"Authorization": f"{SECRET}\n"}, {"Authorization": None, SECRET + ":": SECRET}, {"Authorization": [SECRET]}, {"A": f"\x7f{SECRET}"}, {"A": f"{SECRET}\u202e"}, {"A": f"{SECRET}\udcff"}, {f"A\n{SECRET}": SECRET}, {("A", SECRET): SECRET}, {SECRET}, (("A", SECRET),)]  # fmt: skip
AUTHS: list[Any] = [SECRET, f"user:{SECRET}", SECRET.encode(), ("user", SECRET, SECRET), ("user", SECRET.encode()), (SECRET,), {"user": SECRET}, {SECRET}, ("user", f"{SECRET}☃"), ("user", f"{SECRET}\udcff"), [None, SECRET]]  # fmt: skip
FILES: list[Any] = [KEY, " " + KEY.replace("\n", ""), KEY.replace("\n", "\\n"), f"'{KEY}'", f"LS0tLS1{SECRET}", f" LS0tLS1{SECRET}", f"MC4CAQAwBQYDK2VwBCIEI{SECRET}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa==", f"https://user:{SECRET}@host/ca.pem", f"https://host/ca.pem?{SECRET}", f"{SECRET}/" * 99, KEY.encode(), ("cert.pem", SECRET), {"file": SECRET}, f"\x1b{SECRET}", f"\0{SECRET}"]  # fmt: skip
PARTS: list[Any] = [f"http://user:{SECRET}@host", {"token": SECRET}, [SECRET], SECRET.encode()]
IN_CODE = [
    *[({"endpoint": value}, "endpoint") for value in URLS],
    *[({"endpoint": [f"http://user:{SECRET}@good", value]}, "endpoint") for value in URLS],
    *[({"proxy": value}, "proxy") for value in URLS if not isinstance(value, dict)],
    *[({"proxy": {"http://a": value}}, "proxy") for value in URLS],
    *[({"headers": value}, "headers") for value in HEADERS],
    *[({"auth": value}, "auth") for value in AUTHS],
    *[({name: value}, name) for name in ("ca_bundle", "client_cert") for value in FILES],
    *[({"client_cert": __file__, "client_key": value}, "client_key") for value in FILES],
    *[({"client_key": value}, "client_key") for value in FILES],
    *[({part: value}, part) for part in ("sender", "recorder", "propagation", "clock") for value in PARTS],
]


@pytest.mark.parametrize(("options", "name"), IN_CODE)
def test_what_is_wrong_in_code_is_named_and_not_shown(caplog: pytest.LogCaptureFixture, options: Any, name: str) -> None:
    """A wrong value in code is named and not shown, in the error, its chain and the log."""
    caplog.set_level(logging.DEBUG)
    for construct in (ZipkinTracer, configure):
        with pytest.raises(ValueError, match=f"^{name} ") as caught:
            construct("service", **options)

        assert [] == leaks(caught.value)
        assert str(caught.value).isprintable()
    assert SECRET not in caplog.text


IN_ENVIRONMENT = [
    *[(variable, value) for variable in ("ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "ZIPKIN_PROXY") for value in URLS],
    *[("ZIPKIN_AUTH", value) for value in (SECRET, f"user:{SECRET}☃", f"user:{SECRET}\udcff")],
    *[(variable, value) for variable in ("ZIPKIN_CA_BUNDLE", "ZIPKIN_CLIENT_CERT", "ZIPKIN_CLIENT_KEY") for value in FILES],
]


@pytest.mark.parametrize(
    ("variable", "value"),
    [(variable, value) for variable, value in IN_ENVIRONMENT if isinstance(value, str) and "\0" not in value],
)
def test_what_is_wrong_in_the_environment_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    """A wrong value in the environment is reported by its variable and not shown."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(variable, value)
    if variable == "ZIPKIN_CLIENT_KEY":
        monkeypatch.setenv("ZIPKIN_CLIENT_CERT", __file__)
    with pytest.raises(ValueError, match=f"^environment variable {variable} (is|has) ") as caught:
        configure("service")

    assert [] == leaks(caught.value)
    assert str(caught.value).isprintable()
    assert SECRET not in caplog.text


@pytest.mark.parametrize("variable", ["ZIPKIN_HEADERS", "ZIPKIN_PASSWORD", "ZIPKIN_AUHT", "ZIPKIN_ENDPIONT", "ZIPKIN_PROXYY"])
def test_a_misspelt_variable_is_told_without_its_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str
) -> None:
    """A misspelt variable is reported by its name only."""
    monkeypatch.setenv(variable, SECRET)
    configure("service")

    assert SECRET not in caplog.text


NEARLY_BROKEN = [
    b"broken header %s",
    b": %s",
    b"A: b\r\n%s",
    b"A: b\r\n folded %s",
    b"Location: %s\r\nbroken %s",
]


@pytest.mark.parametrize("line", NEARLY_BROKEN)
def test_malformed_headers_of_an_answer_are_not_in_the_http_librarys_log(caplog: pytest.LogCaptureFixture, line: bytes) -> None:
    """The HTTP library logs no warning of malformed headers, which would show the URL and the headers."""
    caplog.set_level(logging.DEBUG)
    header = line.replace(b"%s", SECRET.encode())
    with raw_server(saying(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n%s\r\n\r\n" % header)) as server:
        sender(f"http://127.0.0.1:{server.port}/p?key={SECRET}", headers={"X-Key": SECRET}).send(b"[]")

    assert "urllib3" in {record.name.split(".")[0] for record in caplog.records}
    assert SECRET not in caplog.text


ODD_SECRET = "pä\"ss& <wo'rd>/\\%+=  x"
SPELLINGS: list[Callable[[str], bytes]] = [
    str.encode,
    lambda secret: secret.encode("latin-1"),
    lambda secret: quote(secret).encode(),
    lambda secret: quote(secret, safe="").encode(),
    lambda secret: quote_plus(secret).encode(),
    lambda secret: json.dumps(secret).encode(),
    lambda secret: json.dumps(secret, ensure_ascii=False).encode(),
    lambda secret: html.escape(secret).encode(),
    lambda secret: html.escape(secret).replace("&quot;", "&#34;").replace("&#x27;", "&#39;").encode(),
    lambda secret: html.escape(secret, quote=False).encode(),
    lambda secret: repr(secret).encode(),
    lambda secret: b64encode(f"user:{secret}".encode("latin-1")),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "options",
    [{"auth": ("user", ODD_SECRET)}, {"headers": {"X-Key": ODD_SECRET}}, {"endpoint": f"/x?key={quote(ODD_SECRET, safe='')}"}],
)
def test_a_server_that_repeats_a_credential_in_any_spelling_is_shown_without(
    options: dict[str, Any], spelling: Callable[[str], bytes]
) -> None:
    """A credential that a server repeats in its body, its reason or a redirect is hidden, in any encoding."""
    said = spelling(ODD_SECRET)
    answers = [
        b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said),
        b"HTTP/1.1 400 %s\r\nContent-Length: 0\r\n\r\n" % said,
        b"HTTP/1.1 301 Moved\r\nLocation: /%s\r\nContent-Length: 0\r\n\r\n" % said,
    ]
    with raw_server(saying(*answers)) as server:
        path = options.get("endpoint", "/x")
        rest = {name: value for name, value in options.items() if name != "endpoint"}
        one = sender(f"http://127.0.0.1:{server.port}{path}", **rest)
        for _ in answers:
            with pytest.raises(SendError) as caught:
                one.send(b"[]")

            assert not re.search(r"p(ä|Ã|.?)?.{0,8}ss|wo.{0,8}rd", str(caught.value)), str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_repeats_its_credentials_is_shown_without(scheme: str) -> None:
    """A proxy's credentials are hidden in the form of its URL and in that of its header."""
    encoded = b64encode(f"user:{SECRET}/".encode()).decode()
    with raw_server(saying(f"HTTP/1.1 407 {SECRET} {encoded}\r\nContent-Length: 0\r\n\r\n".encode())) as proxy:
        one = sender(f"{scheme}://zipkin.invalid", proxy=f"http://user:{SECRET}%2F@127.0.0.1:{proxy.port}")
        with pytest.raises(SendError, match="407") as caught:
            one.send(b"[]")

    [(head, _)] = proxy.requests
    assert encoded in head
    assert encoded not in str(caught.value)
