"""The collector as a WSGI application: HTTP in, HTTP out, and no exception."""

from __future__ import annotations

import gzip
import zlib

import pytest

from opentracing_zipkin.collector import body as module
from opentracing_zipkin.collector.access import Access
from opentracing_zipkin.collector.api import Api
from opentracing_zipkin.collector.app import Application
from opentracing_zipkin.collector.body import MAX_BODY_BYTES, MAX_GZIP_MEMBERS, MAX_INFLATED_BYTES
from opentracing_zipkin.collector.stores import StoreUnavailable
from opentracing_zipkin.collector.stores.memory import MemoryStore

from .wsgi import ask, made

SPAN = b'[{"traceId":"1","id":"1"}]'
SPANS = "/api/v2/spans"


def test_spans_are_taken_and_found() -> None:
    """Posted spans are answered 202 without a body, and can be queried then."""
    application, _ = made()
    answer = ask(application, "POST", SPANS, SPAN)

    assert (202, "", {"content-length": "0"}) == (answer.status, answer.text, answer.headers)
    assert '[{"traceId":"0000000000000001","id":"0000000000000001"}]' == ask(application, path="/api/v2/trace/1").text


def test_of_a_parameter_that_is_repeated_the_first_counts() -> None:
    """The first value of a repeated parameter counts, as in a real server; an unknown parameter is ignored."""
    application, _ = made()

    assert "limit <= 0" == ask(application, path="/api/v2/traces", query="limit=0&limit=1&unknown=x").text


def test_a_path_is_utf8() -> None:
    """A path is UTF-8, and a refusal repeats it correctly."""
    assert "/ü not found" == ask(made()[0], path="/ü").text


def test_an_answer_that_is_known_is_not_sent_again() -> None:
    """A request with the ETag of the present page is answered 304 without a body."""
    application, _ = made()
    page = ask(application, path="/")
    again = ask(application, path="/", if_none_match=page.headers["etag"])

    assert (304, "") == (again.status, again.text)
    assert page.headers["etag"] == again.headers["etag"]
    assert 200 == ask(application, path="/", if_none_match='"other"').status


BODIES = {
    "a megabyte too many": (b" " * (MAX_BODY_BYTES + 1), {}, 413, f"more than {MAX_BODY_BYTES} bytes"),
    "a length without end": (b"x", {"content_length": "9" * 5000}, 413, f"more than {MAX_BODY_BYTES} bytes"),
    "a negative length": (b"x", {"content_length": "-1"}, 400, "a whole number is expected"),
    "a length in other digits": (b"x", {"content_length": "٣"}, 400, "a whole number is expected"),
    "a body that ends early": (b"[]", {"content_length": "3"}, 400, "ends 1 bytes early"),
    "a bomb": (gzip.compress(b" " * (MAX_INFLATED_BYTES + 1)), {"content_encoding": "gzip"}, 413, "when decompressed"),
    "a bomb in two members": (gzip.compress(b" " * 9_000_000) * 2, {"content_encoding": "gzip"}, 413, "when decompressed"),
    "empty members": (
        gzip.compress(b"") * 400_000,
        {"content_encoding": "gzip"},
        413,
        f"more than {MAX_GZIP_MEMBERS} gzip members",
    ),
    "no gzip": (SPAN, {"content_encoding": "gzip"}, 400, "not in the GZIP format"),
    "another coding": (
        zlib.compress(SPAN),
        {"content_encoding": "deflate"},
        400,
        "'deflate', which is not supported; send gzip",
    ),
    "a new coding": (b"\x8b\2\x80abc\3", {"content_encoding": "BR"}, 400, "'br', which is not supported; send gzip"),
    "gzip in gzip": (
        gzip.compress(gzip.compress(SPAN)),
        {"content_encoding": "gzip, gzip"},
        400,
        "'gzip, gzip', which is not supported; send gzip once",
    ),
    "half a gzip": (gzip.compress(SPAN * 100)[:30], {"content_encoding": "gzip"}, 400, "malformed JSON"),
}


@pytest.mark.parametrize(("body", "headers", "status", "reason"), BODIES.values(), ids=BODIES)
def test_a_body_over_a_limit_is_refused_with_the_reason(body: bytes, headers: dict[str, str], status: int, reason: str) -> None:
    """A body over a limit is answered 413, and a body that contradicts its headers 400; nothing is kept."""
    application, store = made()
    answer = ask(application, "POST", SPANS, body, **headers)

    assert status == answer.status
    assert reason in answer.text
    assert "\n" not in answer.text
    assert [] == store.traces()


@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        module._INFLATED_PIECE_BYTES - 1,
        module._INFLATED_PIECE_BYTES,
        module._INFLATED_PIECE_BYTES + 1,
        3 * module._INFLATED_PIECE_BYTES,
    ],
)
@pytest.mark.parametrize("members", [1, 2, 50])
def test_gzip_is_read_whatever_its_size(size: int, members: int) -> None:
    """The members of a gzip body may end at any byte of the pieces in which they are read."""
    noise = bytes(range(256)) * (size // 256 + 1)
    text = b'[{"traceId":"1","id":"1","tags":{"a":"' + noise[:size].hex().encode() + b'"}}]'
    step = len(text) // members + 1
    body = b"".join(gzip.compress(text[at : at + step]) for at in range(0, len(text), step))
    application, store = made()

    assert 202 == ask(application, "POST", SPANS, body, content_encoding="gzip").status
    assert noise[:size].hex() == store.trace("1".zfill(16))[0].tags["a"]


class Failing(MemoryStore):
    """A store that raises a given error."""

    error: Exception = RuntimeError("broken")

    def add(self, spans: object) -> None:
        raise self.error

    def service_names(self) -> list[str]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (StoreUnavailable("traces.db is locked; stop the other process"), 503, "traces.db is locked; stop the other process"),
        (RuntimeError("secret"), 500, "the collector failed: RuntimeError; see its log"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", SPANS), ("GET", "/api/v2/services")])
def test_a_store_that_fails_is_an_answer(error: Exception, status: int, reason: str, method: str, path: str) -> None:
    """An unavailable store is answered 503 with its text, any other error 500 with a line in the log."""
    store = Failing()
    store.error = error
    answer = ask(Application(Api(store), Access("127.0.0.1")), method, path, SPAN if method == "POST" else b"")

    assert (status, reason) == (answer.status, answer.text)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", " Gzip "])
def test_gzip_is_read_however_it_is_written(coding: str) -> None:
    """The case of a coding's name does not matter (RFC 9110)."""
    application, store = made()

    assert 202 == ask(application, "POST", SPANS, gzip.compress(SPAN), content_encoding=coding).status
    assert 1 == len(store.traces())


@pytest.mark.parametrize("coding", ["identity", "Identity", "none"])
def test_spans_that_are_not_compressed_are_read_whatever_the_header_says(coding: str) -> None:
    """A body that is not compressed is read whatever its header says, as in a real server."""
    assert 202 == ask(made()[0], "POST", SPANS, SPAN, content_encoding=coding).status
