"""Runs one property with atheris: `python -m tests.fuzz.worker NAME [options and inputs of libFuzzer]`."""

from __future__ import annotations

import logging
import sys

import atheris  # type: ignore[import-untyped]  # it has no hints

# The fuzzer only sees the branches of modules that are imported in this block.
with atheris.instrument_imports(include=["opentracing_zipkin"]):
    from .properties import PROPERTIES

if __name__ == "__main__":
    logging.disable()
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, PROPERTIES[name])
    atheris.Fuzz()
