"""The tables of the page about the wire format are those of the codecs."""

from __future__ import annotations

import re
from pathlib import Path

from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.codec.v1 import CORE_VALUES, core_of

from ..opentracing_zipkin.codec.protobuf_judge import MESSAGES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "wire-format.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without backquotes."""
    table = PAGE.split(f"\n## {heading}")[1].split("\n\n|", 1)[1].split("\n\n")[0]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_encodings_have_these_media_types_and_paths() -> None:
    """The first table has every encoding with its media type and path, and begins with the default."""
    table = {name.removesuffix(" (default)"): (media_type, path) for name, _, media_type, path, _ in rows("Four encodings")}

    assert {name: (encoder_named(name).media_type, encoder_named(name).path) for name in ENCODINGS} == table
    assert rows("Four encodings")[0][0] == "json (default)"


def test_the_kinds_have_these_annotations() -> None:
    """The table of kinds has the annotations of version 1 for begin, end and address of each kind."""
    table = re.findall(r"^\| (CLIENT|SERVER|PRODUCER|CONSUMER|none) \|(.*?)\|(.*?)\|(.*?)\|$", PAGE, re.MULTILINE)
    said = {kind: tuple(cell.strip(" `") for cell in cells) for kind, *cells in table}

    assert {kind: tuple(core_of(None if kind == "none" else kind, True)) for kind in said} == said
    assert 5 == len(said)


def test_the_fields_of_proto3_have_these_numbers() -> None:
    """The table of fields has the numbers with which Google's library reads our messages."""
    numbers = {name: int(number) for name, number, _ in (field.split() for field in MESSAGES["Span"].split(","))}
    said = {name: int(cell.split(",")[0]) for name, _, cell, _ in rows("Where each field goes")}
    names = {
        "trace id": "trace_id",
        "parent id": "parent_id",
        "span id": "id",
        "timestamp, µs": "timestamp",
        "duration, µs": "duration",
        "local endpoint": "local_endpoint",
        "remote endpoint": "remote_endpoint",
    }
    said.pop("endpoint")  # it is a separate message

    assert numbers == {names.get(name, name): number for name, number in said.items()}


def test_every_core_value_is_named_as_one_that_is_lost() -> None:
    """The page names every text that an application must not use as an annotation in version 1."""
    lost = PAGE.split("## What v1 cannot express")[1]

    assert [] == [value for value in CORE_VALUES if f"`{value}`" not in lost]
