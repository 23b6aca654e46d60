"""Run as a file, under an adapter's own Python: measures one task once and prints it as JSON.

Rules: of this checkout only `bench` is made importable, unless `--source` says otherwise: our `opentracing` lies beside
it and would hide the upstream package that one of the adapters is about.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def _make_importable() -> None:
    spec = importlib.util.spec_from_file_location("bench", HERE / "__init__.py", submodule_search_locations=[str(HERE)])
    assert spec is not None
    sys.modules["bench"] = importlib.util.module_from_spec(spec)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter")
    parser.add_argument("task")
    parser.add_argument("--endpoint", required=True, help="the sink's URL")
    parser.add_argument("--bursts", type=int, default=60)
    parser.add_argument("--source", help="directory to import the tracer from")
    options = parser.parse_args()
    if options.source:
        sys.path.insert(0, options.source)
    _make_importable()
    tasks = importlib.import_module("bench.tasks")
    measured = tasks.run(
        lambda: importlib.import_module(f"bench.adapters.{options.adapter}").Adapter(),
        options.task,
        options.endpoint,
        options.bursts,
    )
    print(json.dumps(measured._asdict()))


if __name__ == "__main__":
    main()
