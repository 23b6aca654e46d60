"""The properties of all parsers, tested with generated inputs and with mutations of the conformance tables' inputs."""

from __future__ import annotations

import struct
import tracemalloc
from functools import cache

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.codec import encoder_named

from .properties import DECODERS, PROPERTIES
from .seeds import seeds_of


@cache  # the seeds are read from files, which takes longer than all the rest of an example
def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Any bytes, and well-formed inputs with a piece replaced, inserted or cut out."""
    return st.binary(max_size=200) | st.builds(
        _spliced, st.sampled_from(seeds_of(name)), st.integers(0), st.integers(0, 40), st.binary(max_size=12)
    )


def _spliced(seed: bytes, at: int, length: int, piece: bytes) -> bytes:
    at %= len(seed) + 1
    return seed[:at] + piece + seed[at + length :]


@pytest.mark.parametrize("name", PROPERTIES)
@given(data=st.data())
def test_every_property_holds_for_any_input(name: str, data: st.DataObject) -> None:
    """No parser raises an undocumented exception, loses a denial, or returns a value that is not safe to send."""
    PROPERTIES[name](data.draw(inputs(name)))


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_holds_for_the_seeds(name: str) -> None:
    """The properties hold for the seeds, and each decoder accepts its seeds."""
    for seed in seeds_of(name):
        PROPERTIES[name](seed)
        if name in DECODERS:
            encoder_named(name).decode(seed)  # type: ignore[attr-defined]


# Messages that announce far more than they hold: in the size of a list, the length of a text, or nested structs.
CLAIMS = {
    "thrift": [
        b"\x0c" + struct.pack(">i", 2**31 - 1) + b"\x0b\x00\x03" + struct.pack(">i", 2**31 - 1),
        b"\x0c\x00\x00\x00\x01\x0f\x00\x06\x0c" + struct.pack(">i", 2**31 - 1),
        b"\x0c\x00\x00\x00\x01\x0b\x00\x03" + struct.pack(">i", 2**31 - 1),
        b"\x0c\x00\x00\x00\x01" + b"\x0c\x00\x63" * 5000,
        b"\x0c\x00\x00\x00\x01\x0f\x00\x63\x02" + struct.pack(">i", 2**31 - 1),
    ],
    "proto3": [b"\x0a" + b"\xff" * 8 + b"\x7f", b"\x0a\xff\xff\xff\xff\x07" + b"\x0a\x10", b"\x0a\x06\x0a\xff\xff\xff\xff\x07"],
    "json": [b"[" * 100_000, b'[{"traceId":' * 20_000, b"[" + b"9" * 100_000],
    "json_v1": [b"[" * 100_000, b'[{"traceId":' * 20_000, b"[" + b"9" * 100_000],
}


@pytest.mark.parametrize("name", DECODERS)
def test_a_claim_of_length_costs_no_memory(name: str) -> None:
    """A message that announces two thousand million spans is refused with memory proportional to its own bytes."""
    decode = encoder_named(name).decode  # type: ignore[attr-defined]
    decode(seeds_of(name)[0])  # so that memory of imports and caches is not counted below
    for message in CLAIMS[name]:
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"\w"):
            decode(message)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert peak < 200_000 + 20 * len(message)
