"""Trace attributes in headers: any value survives, none can break a header."""

from __future__ import annotations

import re

from hypothesis import given, strategies as st

from opentracing_zipkin.propagation import attributes


def test_safe_values_travel_as_they_are() -> None:
    """Others are percent-encoded UTF-8, also at the ends, where a proxy may strip them."""
    carrier: dict[str, str] = {}
    attributes.write({"User_Id": "a b", "x": "50 %", "y": "\u00e4", "z": " a "}, carrier)

    assert {
        "ot-baggage-user-id": "a b",
        "ot-baggage-x": "50 %25",
        "ot-baggage-y": "%C3%A4",
        "ot-baggage-z": "%20a%20",
    } == carrier


def test_a_key_that_is_no_header_name_is_left_out() -> None:
    """Line ends, spaces and colons cannot get into a name."""
    carrier: dict[str, str] = {}
    attributes.write({"a\r\nhost: evil": "1", "": "2", "a:b": "3", "ok": "4"}, carrier)

    assert {"ot-baggage-ok": "4"} == carrier


def test_the_number_and_length_of_attributes_are_limited() -> None:
    """64 attributes, 4,096 characters each."""
    carrier: dict[str, str] = {}
    attributes.write({f"k{number}": "x" * 5000 for number in range(100)}, carrier)

    assert 64 == len(carrier)
    assert {4096} == {len(value) for value in carrier.values()}
    assert 64 == len(attributes.read({f"ot-baggage-{number}": "" for number in range(100)}) or {})


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9][-a-z0-9]{0,20}", fullmatch=True), st.text(st.characters(codec="utf-8"), max_size=50)
    )
)
def test_what_is_written_is_read_again(baggage: dict[str, str]) -> None:
    """Any text, and nothing but printable ASCII on the wire."""
    carrier: dict[str, str] = {}
    attributes.write(baggage, carrier)

    assert (baggage or None) == attributes.read(carrier)
    assert all(re.fullmatch(r"[ -~]*", value) and value == value.strip() for value in carrier.values())
