"""From `endpoint` to the URL that spans are posted to: Zipkin's own paths are replaced, any other is used exactly as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.collector_url import has_own_path, http_endpoints_of, likely_path, posted_url, server_url
from opentracing_zipkin.senders.http import HttpSender

from .raw_server import ACCEPTED, answer, raw_server, saying

V1, V2 = "/api/v1/spans", "/api/v2/spans"

# Endpoint, where version 2 is posted to, and whether the path is the endpoint's own.
POSTED = [
    ("http://localhost:9411", "http://localhost:9411/api/v2/spans", False),
    ("http://localhost:9411/", "http://localhost:9411/api/v2/spans", False),
    ("http://localhost:9411?key=k", "http://localhost:9411/api/v2/spans?key=k", False),
    ("http://localhost:9411/?key=k", "http://localhost:9411/api/v2/spans?key=k", False),
    ("http://localhost:9411/zipkin", "http://localhost:9411/api/v2/spans", False),
    ("http://localhost:9411/zipkin/", "http://localhost:9411/api/v2/spans", False),
    ("http://localhost:9411/zipkin/?key=k", "http://localhost:9411/api/v2/spans?key=k", False),
    ("http://localhost:9411/api/v2/spans", "http://localhost:9411/api/v2/spans", False),
    ("https://host/api/v1/spans", "https://host/api/v2/spans", False),
    ("https://host/api/v1/spans/", "https://host/api/v2/spans", False),
    ("https://host/prefix/api/v2/spans", "https://host/prefix/api/v2/spans", False),
    ("https://host/a/b/api/v1/spans?key=k", "https://host/a/b/api/v2/spans?key=k", False),
    ("https://host/zipkin/api/v2/spans", "https://host/zipkin/api/v2/spans", False),
    ("http://user:pass@[::1]:9411", "http://user:pass@[::1]:9411/api/v2/spans", False),
    ("http://user:p@ss@host", "http://user:p@ss@host/api/v2/spans", False),
    (" http://host\n", "http://host/api/v2/spans", False),
    (
        "https://collector.example/trace/v1?Api-Key=K&Data-Format=zipkin",
        "https://collector.example/trace/v1?Api-Key=K&Data-Format=zipkin",
        True,
    ),
    ("https://host/prefix", "https://host/prefix", True),
    ("https://host/prefix/", "https://host/prefix/", True),
    ("https://host/zipkin-proxy/", "https://host/zipkin-proxy/", True),
    ("https://host/prefix/zipkin", "https://host/prefix/zipkin", True),
    ("https://host/api/v2", "https://host/api/v2", True),
    ("https://host/api/v2/span", "https://host/api/v2/span", True),
    ("https://host/api/v2/spans/more", "https://host/api/v2/spans/more", True),
    ("https://host/API/V2/SPANS", "https://host/API/V2/SPANS", True),
    ("https://host/a%2Fb,c;d=e:f", "https://host/a%2Fb,c;d=e:f", True),
    *[
        (f"https://host/{rest}", f"https://host/{rest}", True)
        for rest in (
            "a%2fb?key=%2f%3D",
            "%41b/%7Euser?x=%41",
            "a/../b/./c",
            "/a//b",
            "v1?sig=a+b%2B&a=&a&b=",
            "a;p=1?x=;,'()*!$",
        )
    ],
    ("https://host/v1?a=b%20c&&d=e@f,g:/?h", "https://host/v1?a=b%20c&&d=e@f,g:/?h", True),
]


@pytest.mark.parametrize(("endpoint", "url", "own"), POSTED)
def test_a_path_of_zipkins_is_replaced_and_any_other_kept(endpoint: str, url: str, own: bool) -> None:
    """A path of Zipkin's is replaced, any other path is kept, and the query is kept in both cases."""
    [one] = http_endpoints_of(endpoint)

    assert (url, own) == (posted_url(one, V2), has_own_path(one))
    assert (url if own else url.replace(V2, V1)) == posted_url(one, V1)


def test_the_manual_shows_what_is_posted_to() -> None:
    """Each row of the manual's table is true."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "configuration.md").read_text()
    rows = re.findall(r"^\| `(https?://[^`]*)` \| `(https?://[^`]*)` \|$", page, re.MULTILINE)

    assert len(rows) >= 7
    assert [url for _, url in rows] == [posted_url(endpoint, V2) for endpoint, _ in rows]


@pytest.mark.parametrize("url", [url for _, url, _ in POSTED])
def test_a_url_that_is_posted_to_is_an_endpoint_for_itself(url: str) -> None:
    """A URL that spans are posted to is an endpoint for itself, so that a URL from a log line can be used."""

    assert url == posted_url(url, V2)


@pytest.mark.parametrize(("url", "sent"), [(url, f"{url.split('/', 3)[-1]}") for _, url, own in POSTED if own])
def test_the_request_has_path_and_query_as_given(url: str, sent: str) -> None:
    """The request has path and query exactly as they were given."""
    with raw_server(saying(ACCEPTED)) as server:
        HttpSender(f"http://127.0.0.1:{server.port}/{sent}", V2, "application/json").send(b"[]")
    [(head, _)] = server.requests

    assert url.endswith(f"/{sent}")
    assert f"POST /{sent} HTTP/1.1" == head.split("\r\n")[0]


def test_a_proxy_is_asked_for_path_and_query_as_given() -> None:
    """A proxy is asked for path and query as they were given, after scheme and host."""
    with raw_server(saying(ACCEPTED)) as proxy:
        one = HttpSender(
            "http://zipkin.invalid/a%2fb/../c?x=%2f", V2, "application/json", proxy=f"http://127.0.0.1:{proxy.port}"
        )
        one.send(b"[]")
    [(head, _)] = proxy.requests

    assert "POST http://zipkin.invalid/a%2fb/../c?x=%2f HTTP/1.1" == head.split("\r\n")[0]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("ü?k=ü", "%C3%BC?k=%C3%BC"),
        ("a?b=100%", "a?b=100%25"),
        ('{a}|b?q="[1]"', "%7Ba%7D%7Cb?q=%22%5B1%5D%22"),
        ("api/v2/spans?", "api/v2/spans"),
    ],
)
def test_what_no_request_may_have_is_encoded(given: str, sent: str) -> None:
    """Characters that no request may have are encoded as browsers do, and an empty query is left out."""
    with raw_server(saying(ACCEPTED)) as server:
        HttpSender(f"http://127.0.0.1:{server.port}/{given}", V2, "application/json").send(b"[]")
    [(head, _)] = server.requests

    assert f"POST /{sent} HTTP/1.1" == head.split("\r\n")[0]


SEVERAL: list[tuple[Any, list[str]]] = [
    ("http://a,http://b", ["http://a", "http://b"]),
    ("http://a, https://b", ["http://a", "https://b"]),
    ("http://a\t,\n HTTP://b/x,y", ["http://a", "HTTP://b/x,y"]),
    ("http://a/x,y?k=1,2,http://b?k=3,4", ["http://a/x,y?k=1,2", "http://b?k=3,4"]),
    ("http://a/?k=b,c:d", ["http://a/?k=b,c:d"]),
    (["http://a", " https://b/x,y "], ["http://a", "https://b/x,y"]),
    (("http://a",), ["http://a"]),
]


@pytest.mark.parametrize(("endpoint", "expected"), SEVERAL)
def test_several_are_a_list_or_text_with_a_comma_before_the_next_scheme(endpoint: Any, expected: list[str]) -> None:
    """Several endpoints are a list or a text, in which only a comma before a scheme separates."""

    assert expected == http_endpoints_of(endpoint)


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("localhost:9411", "is 'localhost:9411'; use the collector's URL, for instance http://localhost:9411"),
        ("localhost", "is 'localhost'; use the collector's URL"),
        ("ftp://x", "is 'ftp://x'; use the collector's URL"),
        ("http:/x:9411", "is 'http:/x:9411'; use the collector's URL"),
        ("http://", "is 'http://'; use the collector's URL"),
        ("", "is ''; use the collector's URL"),
        ("http://h:99999", "is 'http://h:99999'; Port out of range 0-65535"),
        ("http://h:port", r"is 'http://\*\*\*'; the text behind its colon is no port"),
        ("http://h/#/traces", r"is 'http://h/#\*\*\*'; leave out the # and the text after it"),
        ("http://h/zipkin/#", r"is 'http://h/zipkin/#\*\*\*'; leave out the # and the text after it"),
        ("http://h/a@b", "is 'http://b'; in a user or password write .* and an @ in the path as %40"),
        ("http://h:", "is 'http://h:'; the text behind its colon is no port"),
        ("http://user:12\\34@h", "is 'http://h'; write a backslash as %5C"),
        ("http://a,b", r"is 'http://\*\*\*'; use the collector's URL"),
        ("http://a,", "has an empty part after its last comma; leave it out, or write the missing URL there"),
        ("http://one/x, two:9411", r"is 'http://one/\*\*\*'; use the collector's URL"),
        ("http://a b", r"is 'http://\*\*\*'; use the collector's URL"),
        ("http://h/a\nb", r"is 'http://h/\*\*\*'; use the collector's URL"),
        ("http://[::1", r"is 'http://\*\*\*'; use the collector's URL"),
        ("http://[::x]", r"is 'http://\*\*\*'; use the collector's URL"),
        (["http://a", "b"], "is 'b'; use the collector's URL"),
        (["http://a,http://b"], r"is 'http://\*\*\*'; use the collector's URL"),
        ([], r"is \[\]; use the collector's URL"),
        (None, "is None; use the collector's URL"),
        (9411, "is 9411; use the collector's URL"),
        (b"http://h", "is of type bytes; use the collector's URL"),
    ],
)
def test_an_endpoint_that_is_no_url_is_refused(endpoint: Any, message: str) -> None:
    """An endpoint that is no URL raises ValueError with the remedy and the parts that cannot be a credential."""
    with pytest.raises(ValueError, match=f"^endpoint {message}"):
        http_endpoints_of(endpoint)


def test_a_host_that_no_request_can_have_is_refused_at_once() -> None:
    """A host that only the HTTP library refuses is refused at once."""
    with pytest.raises(ValueError, match=r"^endpoint is 'http://\.h/api/v2/spans'; use the collector's URL"):
        HttpSender("http://.h", V2, "application/json")


LIKELY = [
    ("/prefix", "/prefix/api/v2/spans"),
    ("/prefix/", "/prefix/api/v2/spans"),
    ("/trace/v1", "/trace/v1/api/v2/spans"),
    ("/api", V2),
    ("/api/v2", V2),
    ("/p/api/v2/span", "/p/api/v2/spans"),
    ("/p/api/v2/spans/x", "/p/api/v2/spans"),
    ("/zipkin/traces/1", V2),
    ("/p/zipkin", "/p/api/v2/spans"),
    ("/zipkin-proxy", "/zipkin-proxy/api/v2/spans"),
    ("/apiary", "/apiary/api/v2/spans"),
]


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize(("own", "likely"), LIKELY)
def test_where_nobody_takes_spans_at_a_path_of_its_own_the_likely_one_is_named(own: str, likely: str, status: int) -> None:
    """If a server does not know a path of the endpoint's own, the error proposes the likely path, without the query."""
    with raw_server(saying(answer(status, "no"))) as server, pytest.raises(SendError) as caught:
        HttpSender(f"http://127.0.0.1:{server.port}{own}?key=secret", V2, "application/json").send(b"[]")

    assert likely == likely_path(f"http://h{own}", V2)
    assert str(caught.value).endswith(
        f": no; the path of the endpoint, {own}, is used exactly as it is; perhaps {likely} was meant"
    )
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("path", "status"), [("", 404), ("/p/api/v2/spans", 405), ("/p", 403)])
def test_no_path_is_proposed_where_the_path_is_zipkins_or_known(path: str, status: int) -> None:
    """No path is proposed where the path is Zipkin's, or where the answer shows that it exists."""
    with raw_server(saying(answer(status))) as server, pytest.raises(SendError, match=f"HTTP {status}") as caught:
        HttpSender(f"http://127.0.0.1:{server.port}{path}", V2, "application/json").send(b"[]")

    assert "perhaps" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://h", "http://h/x"),
        ("http://h/zipkin/", "http://h/x"),
        ("http://h/p/?key=k", "http://h/p/x?key=k"),
        ("http://u:p@h/p/api/v2/spans", "http://u:p@h/p/x"),
    ],
)
def test_who_asks_a_zipkin_server_takes_any_path_as_a_prefix(endpoint: str, url: str) -> None:
    """For requests to a Zipkin server any path is a prefix, as for the demo, which reads traces."""

    assert url == server_url(endpoint, "/x")
