"""Trace attributes in headers: any value survives, none can break a header, and attributes over a limit are counted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.propagation.attributes import Attributes

FREE = Attributes()


def written(attributes: Attributes, baggage: dict[str, Any]) -> dict[str, str]:
    carrier: dict[str, str] = {}
    attributes.write(baggage, carrier)
    return carrier


def test_safe_values_travel_as_they_are() -> None:
    """Header-safe values are sent as they are; other characters, and blanks at the ends, are percent-encoded UTF-8."""

    assert {
        "ot-baggage-user-id": "a b",
        "ot-baggage-x": "50 %25",
        "ot-baggage-y": "%C3%A4",
        "ot-baggage-z": "%20a%20",
    } == written(FREE, {"User_Id": "a b", "x": "50 %", "y": "\u00e4", "z": " a "})


def test_a_key_that_is_no_header_name_is_left_out_and_counted() -> None:
    """A key with a line end, a blank or a colon is left out and counted, because no header name may contain it."""
    attributes = Attributes()

    assert {"ot-baggage-ok": "4"} == written(attributes, {"a\r\nhost: evil": "1", "": "2", "a:b": "3", "ok": "4"})
    assert 3 == attributes.dropped


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError


def test_a_value_of_any_type_becomes_text() -> None:
    """A value of any type becomes text; None means that there is no value."""

    assert {
        "ot-baggage-a": "1",
        "ot-baggage-b": "true",
        "ot-baggage-d": "?",
        "ot-baggage-e": "<Hostile: RuntimeError in its conversion to text>",
    } == written(FREE, {"a": 1, "b": True, "c": None, "d": "\ud800", "e": Hostile()})


def test_at_most_64_attributes_are_written_and_read() -> None:
    """64 attributes are written and read; further ones are counted as dropped."""
    attributes = Attributes()

    assert 64 == len(written(attributes, {f"k{number}": "x" for number in range(100)}))
    assert 64 == len(attributes.read({f"ot-baggage-{number}": "" for number in range(100)}) or {})
    assert 2 * 36 == attributes.dropped


def test_at_most_8192_bytes_of_names_and_values_are_written_and_read() -> None:
    """A value over the limit is left out whole, because half a value is a wrong value; a shorter one behind it may fit."""
    attributes = Attributes()
    baggage = {"a": "x" * 8000, "b": "x" * 8000, "c": "\u00e4" * 100, "d": "x" * 100}

    assert ["ot-baggage-a", "ot-baggage-d"] == list(written(attributes, baggage))
    assert ["a", "d"] == list(
        attributes.read({f"ot-baggage-{key}": value for key, value in baggage.items() if key != "c"}) or {}
    )
    assert 3 == attributes.dropped
    assert {} == written(attributes, {"a": "x" * 10_000_000})


def test_what_is_left_out_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The first attribute that is left out causes a warning with its name, with control characters escaped."""
    attributes = Attributes()
    written(attributes, {"a\nb": "1", "c d": "2"})

    [message] = caplog.messages
    assert message.startswith("zipkin: trace attribute to be written is left out: at most 64 are taken, of 8192 bytes in total")
    assert message.endswith(r"'ot-baggage-a\nb'")


def test_a_field_has_a_header_of_its_own_name() -> None:
    """A field is written with the spelling of the setting, whatever its spelling in the code; other items get the prefix."""
    attributes = Attributes(["x-request-id", "User_Id"])

    assert {"x-request-id": "7", "User_Id": "amy", "ot-baggage-k": "v"} == written(
        attributes, {"k": "v", "X_Request_ID": "7", "user-id": "amy"}
    )
    assert {"x-request-id": "7", "User_Id": "amy", "k": "v"} == attributes.read(
        {"ot-baggage-k": "v", "x-request-id": "7", "user_id": "amy", "x-other": "1"}
    )


def test_fields_come_first_where_there_is_not_room_for_all() -> None:
    """Fields come before other attributes, because they were configured on purpose."""
    many = {f"k{number}": "x" for number in range(100)}

    assert "x-request-id" in written(Attributes(["x-request-id"]), {**many, "x-request-id": "7"})


def test_a_fields_own_header_outranks_the_prefix() -> None:
    """If two headers name the same attribute, the field's own header counts."""

    assert {"x-request-id": "7"} == Attributes(["x-request-id"]).read({"ot-baggage-x-request-id": "8", "x-request-id": "7"})


def test_an_empty_header_is_no_value_of_a_field() -> None:
    """An empty header of a field counts as absent, as in other libraries; an attribute under the prefix may be empty."""

    assert {"k": ""} == Attributes(["x-request-id"]).read({"x-request-id": "", "ot-baggage-k": ""})


@pytest.mark.parametrize(
    "value", ["7", "a%41", "50%", "%c3%a4", "%C3", "%FF%C3", "%25C3%25A4", "a  b", "=?utf-8?q?x?=", '{"a": "%20"}']
)
def test_a_fields_value_from_others_is_passed_on_as_it_came(value: str) -> None:
    """A field's value from another service is passed on unchanged, even if it looks like our encoding."""
    attributes = Attributes(["x"])

    assert {"x": value} == attributes.read({"x": value})
    assert {"x": value} == written(attributes, {"x": value})


@pytest.mark.parametrize(
    ("value", "encoded"),
    [("\u00e4", "%C3%A4"), ("a\r\nb", "a%0D%0Ab"), (" a ", "%20a%20"), ("50 %", "50 %"), ("\U0001f600", "%F0%9F%98%80")],
)
def test_a_fields_value_is_encoded_where_it_is_not_header_safe(value: str, encoded: str) -> None:
    """A field's value is percent-encoded exactly where it is not header-safe."""
    attributes = Attributes(["x"])

    assert {"x": encoded} == written(attributes, {"x": value})
    assert {"x": value} == attributes.read({"x": encoded})


WRONG: list[tuple[Any, str]] = [
    ("x-request-id", r"baggage_fields is 'x-request-id'; use a list of header names, for instance \['x-request-id'\]"),
    (3, "baggage_fields is 3; use a list"),
    (["a b"], "baggage_fields has 'a b'; use names of headers"),
    ([""], "baggage_fields has ''; use names of headers"),
    ([b"x"], "baggage_fields has b'x'; use names of headers"),
    (["a\n"], r"baggage_fields has 'a\\n'; use names of headers"),
    (["X-B3-TraceId"], "baggage_fields has 'X-B3-TraceId', which propagation itself writes; use another name"),
    (["b3"], "which propagation itself writes"),
    (["tracestate"], "which propagation itself writes"),
    (["ot-baggage-x"], "which propagation itself writes"),
    (
        ["x-id", "X_Id"],
        "baggage_fields has 'X_Id' twice, as '_' counts as '-' and case does not count; name each header once",
    ),
    ([f"x{number}" for number in range(65)], "baggage_fields has 65 names; use at most 64"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_a_wrong_list_of_fields_names_the_value_and_the_remedy(fields: Any, message: str) -> None:
    """A wrong list of fields raises a ValueError with the value and the remedy."""
    with pytest.raises(ValueError, match=message):
        Attributes(fields)


keys = st.from_regex(r"[a-z0-9][-a-z0-9]{0,20}", fullmatch=True)


@given(st.dictionaries(keys, st.text(st.characters(codec="utf-8"), max_size=50)))
def test_what_is_written_is_read_again(baggage: dict[str, str]) -> None:
    """Any text survives, and the header has nothing but printable ASCII."""
    carrier = written(FREE, baggage)

    assert (baggage or None) == FREE.read(carrier)
    assert all(re.fullmatch(r"[ -~]*", value) and value == value.strip() for value in carrier.values())


@given(st.text("%0123C\u00e4 \n\x7f", min_size=1, max_size=12))
def test_a_fields_value_reaches_the_next_service_as_its_header_says(text: str) -> None:
    """A field's value that was read from a header is written as the same header."""
    attributes = Attributes(["x"])
    header = written(attributes, {"x": text})

    assert header == written(attributes, attributes.read(header) or {})
    assert re.fullmatch(r"[!-~]([ -~]*[!-~])?", header["x"])
