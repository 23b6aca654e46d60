"""Questions of a test about finished spans, and the messages when the answer is another one."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from opentracing_zipkin.model import Endpoint, FinishedSpan
from opentracing_zipkin.testing import Spans

SHOP = Endpoint("shop")
CHECKOUT = FinishedSpan("a" * 16, "1" * 16, None, "SERVER", "post /checkout", local=SHOP, tags={"http.status_code": "502"})
CHARGE = FinishedSpan(
    "a" * 16, "2" * 16, "1" * 16, "CLIENT", "charge", local=SHOP, remote=Endpoint("payment"), tags={"error": "declined"}
)
PACK = FinishedSpan("a" * 16, "3" * 16, "1" * 16, None, "pack", local=SHOP)
SPANS = Spans([PACK, CHARGE, CHECKOUT])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"name": "charge"}, [CHARGE]),
        ({"name": "POST /checkout"}, [CHECKOUT]),
        ({"kind": "client"}, [CHARGE]),
        ({"kind": "LOCAL"}, [PACK]),
        ({"service": "Shop"}, [PACK, CHARGE, CHECKOUT]),
        ({"remote": "payment"}, [CHARGE]),
        ({"remote": ""}, [PACK, CHECKOUT]),
        ({"tags": {"http.status_code": "502"}}, [CHECKOUT]),
        ({"tags": {"http.status_code": 502}}, [CHECKOUT]),
        ({"tags": {"http.status_code": ...}}, [CHECKOUT]),
        ({"tags": {"http.status_code": None}}, [PACK, CHARGE]),
        ({"tags": {"http.status_code": re.compile("^5")}}, [CHECKOUT]),
        ({"tags": {"http.status_code": "50"}}, []),
        ({"error": True}, [CHARGE]),
        ({"error": False}, [PACK, CHECKOUT]),
        ({"error": "declined"}, [CHARGE]),
        ({"error": "d"}, []),
        ({"name": "charge", "kind": "SERVER"}, []),
    ],
)
def test_spans_are_found_by_what_they_are(asked: dict[str, Any], found: list[FinishedSpan]) -> None:
    """Spans are found by name, kind, service, remote service, tags and error, as far as these are given."""
    assert found == SPANS.all(**asked)


def test_the_only_such_span_is_given() -> None:
    """`one` returns the span itself, `named` a list."""
    assert CHARGE is SPANS.one("charge", kind="CLIENT")
    assert [CHARGE] == SPANS.named("charge")


def failure(spans: Spans, *asked: Any, **more: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        spans.one(*asked, **more)
    return str(caught.value)


def test_a_span_that_is_not_there_is_missed_with_what_is() -> None:
    """The message lists all spans, the most similar first, with the differences of similar ones."""
    assert failure(SPANS, "charge", kind="SERVER", tags={"n": 1}) == (
        "no span with name='charge', kind='SERVER', tags={'n': 1}; 3 were finished:\n"
        "  shop: charge  CLIENT  -> payment  error=declined\n"
        "      but kind is 'CLIENT', tag n is absent\n"
        "  shop: post /checkout  SERVER  http.status_code=502\n"
        "      but name is 'post /checkout', tag n is absent\n"
        "  shop: pack"
    )


def test_several_such_spans_are_listed() -> None:
    """Several spans in place of one are an error with the remedy."""
    assert failure(SPANS, service="shop", error=False) == (
        "2 spans with service='shop', error=False, but one is expected; give more conditions, or use all(...):\n"
        "  shop: pack\n"
        "  shop: post /checkout  SERVER  http.status_code=502"
    )


def test_reasons_are_given_where_there_are_none() -> None:
    """The message contains the possible reasons for missing spans."""
    spans = Spans(reasons=lambda: ["the tracer of 'shop' is switched off"])

    assert "no span with anything; none was finished\n  the tracer of 'shop' is switched off" == failure(spans)


def test_a_long_list_is_cut() -> None:
    """At most 20 spans are shown, in lines of at most 200 characters with escaped control characters."""
    many = Spans([FinishedSpan("1", str(n), name="\x1b" + "x" * 300) for n in range(30)])
    lines = failure(many, "y").splitlines()

    assert "  and 10 more" == lines[-1]
    assert 202 == max(map(len, lines[1:]))
    assert "\x1b" not in "".join(lines)


def test_a_kind_that_is_none_is_refused() -> None:
    """A misspelt kind raises an error instead of finding nothing."""
    with pytest.raises(ValueError, match=r"kind is 'CLINT'; use CLIENT, SERVER, PRODUCER, CONSUMER or LOCAL"):
        SPANS.all(kind="CLINT")


def test_spans_of_another_thread_are_waited_for() -> None:
    """`wait_for` returns the spans when there are enough."""
    spans = Spans()
    thread = threading.Timer(0.05, spans.append, [PACK])
    thread.start()

    assert [PACK] == spans.wait_for(1)
    thread.join()


def test_waiting_has_an_end() -> None:
    """Too few spans are an error that lists them."""
    with pytest.raises(AssertionError, match=r"^2 spans expected within 0.01 s, there is 1:\n  shop: pack$"):
        Spans([PACK]).wait_for(2, within=0.01)
    with pytest.raises(AssertionError, match=r"^1 span expected within 0.01 s, there are none$"):
        Spans().wait_for(within=0.01)
