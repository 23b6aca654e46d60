"""`python -m opentracing_zipkin.demo`."""

from __future__ import annotations

import argparse
import sys

from . import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m opentracing_zipkin.demo")
    parser.description = "Run an application of three services and show its traces."
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
