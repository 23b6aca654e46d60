"""Access: any program, and no web page of another origin, unless it was allowed."""

from __future__ import annotations

import pytest

from opentracing_zipkin.collector.access import Access, is_loopback

from .wsgi import ask, made

SPAN = b'[{"traceId":"1","id":"1"}]'
EVIL = "http://evil.example"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "localhost:9411",
        "LOCALHOST:9411",
        "127.0.0.1",
        "127.0.0.1:9411",
        "127.1.2.3:9411",
        "[::1]",
        "[::1]:9411",
        "zipkin.localhost:9411",
        "localhost.",
        "LOCALHOST.:9411",
        "localhost:",
    ],
)
def test_on_loopback_a_name_of_this_machine_is_answered(host: str) -> None:
    """Any loopback name is answered, with or without a port; a request without Host comes from no browser."""
    application, _ = made()

    assert 200 == ask(application, host=host).status


NO_HOST_OF_OURS = [
    "evil.example", "evil.example:9411", "evil.example.", "localhost.evil.example", "192.0.2.1", "127.0.0.1.nip.example",
    "[", "a b", "[::1].evil.example", "[::1]evil.example:9411", "[evil.example]", "[192.0.2.1]", "evil.example@127.0.0.1",
    "127.0.0.1/.evil.example", "localhost?evil.example", "localhost#evil.example", "evil.example\\@localhost",
    "127.0.0.1:evil", "localhost:9411:evil", "127.0.0.1, evil.example", ".", ":9411", "0", "2130706433",
]  # fmt: skip


@pytest.mark.parametrize("host", NO_HOST_OF_OURS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/v2/services"), ("POST", "/api/v2/spans"), ("GET", "/"), ("OPTIONS", "/api/v2/spans")]
)
def test_on_loopback_another_name_is_refused_with_the_remedy(host: str, method: str, path: str) -> None:
    """A page whose name was made to lead to us (DNS rebinding) can neither read nor send spans."""
    application, store = made()
    answer = ask(application, method, path, SPAN, host=host, access_control_request_method="POST")

    assert 403 == answer.status
    assert "allow it with --allow-host " in answer.text
    assert "\n" not in answer.text
    assert [] == store.traces()


def test_an_allowed_host_is_answered() -> None:
    """Configured names are answered in any case; `*` allows all; the address to listen on is always allowed."""
    application, _ = made(hosts=("zipkin.test",))

    assert [200, 200, 403] == [ask(application, host=name).status for name in ("Zipkin.test:9411", "localhost", "other.test")]
    assert 200 == ask(made(hosts=("*",))[0], host="other.test").status


@pytest.mark.parametrize("listening", ["0.0.0.0", "::", "192.0.2.1", "collector"])
def test_where_others_are_listened_to_any_name_is_answered(listening: str) -> None:
    """On other addresses any name is answered, because a container cannot know its names; configured names restrict it."""
    assert 200 == ask(made(listening)[0], host="zipkin.internal").status
    assert 403 == ask(made(listening, hosts=("zipkin.test",))[0], host="evil.example").status


FROM_ELSEWHERE = {
    "another origin": {"origin": EVIL},
    "another port of this machine": {"origin": "http://localhost:3000"},
    "a file or a frame in a sandbox": {"origin": "null"},
    "an origin like ours": {"origin": "http://localhost:9411.evil.example"},
    "an image or a script": {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
    "an image of this machine's": {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
    "a frame": {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
}


@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("headers", FROM_ELSEWHERE.values(), ids=FROM_ELSEWHERE)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/v2/services"), ("POST", "/api/v2/spans"), ("OPTIONS", "/api/v2/spans")]
)
def test_a_page_of_another_origin_is_refused_with_the_remedy(
    headers: dict[str, str], listening: str, method: str, path: str
) -> None:
    """A page of another origin is refused with the remedy by any kind of request, and gets no header that lets it read."""
    application, store = made(listening)
    answer = ask(
        application,
        method,
        path,
        SPAN,
        host="localhost:9411",
        content_type="text/plain",
        access_control_request_method="POST",
        **headers,
    )

    assert 403 == answer.status
    assert "--allow-origin" in answer.text
    assert [] == [name for name in answer.headers if name.startswith("access-control")]
    assert [] == store.traces()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:9411"},
        {"origin": "http://LOCALHOST:9411"},
        {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"},
        {"sec_fetch_site": "none", "sec_fetch_mode": "navigate"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
    ],
    ids=["a program", "our page", "our page in capitals", "our page asks", "an address is typed", "a link is followed"],
)
def test_our_own_page_programs_and_links_are_answered(headers: dict[str, str]) -> None:
    """Our own page, programs and links are answered without any setting."""
    assert 200 == ask(made()[0], path="/", host="localhost:9411", **headers).status


def test_an_allowed_origin_sends_and_reads() -> None:
    """An allowed origin gets the headers of a real server that allows one origin, and so does its preflight request."""
    application, store = made(origins=("http://shop.test/", "https://other.test:8443"))
    asked = ask(
        application,
        "OPTIONS",
        "/api/v2/spans",
        host="localhost",
        origin="http://Shop.test",
        access_control_request_method="POST",
    )
    sent = ask(
        application,
        "POST",
        "/api/v2/spans",
        SPAN,
        host="localhost",
        origin="https://other.test:8443",
        sec_fetch_site="cross-site",
    )
    wrong = ask(application, "GET", "/api/v2/spans", host="localhost", origin="http://shop.test")

    assert (200, "http://Shop.test", "Origin", "GET,POST", "content-type,x-grpc-web", "0") == (
        asked.status,
        *(asked.headers[name] for name in ("access-control-allow-origin", "vary", "access-control-allow-methods")),
        *(asked.headers[name] for name in ("access-control-allow-headers", "access-control-max-age")),
    )
    assert (202, "https://other.test:8443") == (sent.status, sent.headers["access-control-allow-origin"])
    assert 1 == len(store.traces())
    assert (400, "http://shop.test") == (wrong.status, wrong.headers["access-control-allow-origin"])


def test_every_origin_may_be_allowed() -> None:
    """`*` allows every origin, as in a real server."""
    answer = ask(made(origins=("*",))[0], host="localhost", origin=EVIL)

    assert (200, "*", False) == (answer.status, answer.headers["access-control-allow-origin"], "vary" in answer.headers)


def test_a_question_beforehand_names_a_method() -> None:
    """OPTIONS without a method to ask for is answered like an unknown method."""
    assert 404 == ask(made(origins=("*",))[0], "OPTIONS", "/api/v2/spans", host="localhost", origin=EVIL).status


@pytest.mark.parametrize(
    ("origins", "hosts", "problem"),
    [
        (("shop.test",), (), "allow_origins is 'shop.test'; give a scheme and a host"),
        (("http://shop.test/page",), (), "allow_origins is"),
        (("http://user@shop.test",), (), "allow_origins is"),
        (("",), (), "allow_origins is"),
        ((), ("http://zipkin.test",), "allow_hosts is 'http://zipkin.test'; give a name"),
        ((), ("zipkin.test:9411",), "allow_hosts is"),
        ((), ("",), "allow_hosts is"),
    ],
)
def test_a_wrong_name_is_refused_with_the_remedy(origins: tuple[str, ...], hosts: tuple[str, ...], problem: str) -> None:
    """A wrong origin or host name is refused when the collector is made."""
    with pytest.raises(ValueError, match=problem):
        Access("127.0.0.1", origins, hosts)


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("notlocalhost", False),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("example.test", False),
        ("", False),
    ],
)
def test_what_is_loopback(host: str, is_one: bool) -> None:
    """Only `localhost`, names below it, and loopback addresses count as loopback, whatever other names resolve to."""
    assert is_one is is_loopback(host)
