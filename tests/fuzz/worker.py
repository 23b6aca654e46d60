"""One property under atheris: `python -m tests.fuzz.worker NAME [options and inputs of libFuzzer]`."""

from __future__ import annotations

import logging
import sys

import atheris  # type: ignore[import-untyped]  # it has no hints

# Only what is imported in here tells the fuzzer which branches an input took.
with atheris.instrument_imports(include=["opentracing_zipkin"]):
    from .properties import PROPERTIES

if __name__ == "__main__":
    logging.disable()
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, PROPERTIES[name])
    atheris.Fuzz()
