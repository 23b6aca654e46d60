"""Run as a file, under an adapter's own Python: measures one task, or one curve, once and prints it as JSON.

Rules: of this checkout only `bench` is made importable, unless a source is given: our `opentracing` lies beside it and would
hide the upstream package that one of the adapters is about.  Before an import is measured nothing is imported here that a
tracer might need, so that each pays for all of its own.
Arguments: adapter, task, the sink's URL, its size (bursts, or spans), and the directory to import the tracer from, or "".
"""

from __future__ import annotations

import sys
import time


def _make_importable(source: str) -> None:
    here = __file__.rpartition("/")[0]
    if source:
        sys.path.insert(0, source)
    package = type(sys)("bench")
    package.__path__ = [here]  # a package without its __init__, and without what finding one would import
    sys.modules["bench"] = package


def _load(adapter: str) -> object:
    return __import__(f"bench.adapters.{adapter}", fromlist=["Adapter"]).Adapter()


def _cpu_of_import(adapter: str, endpoint: str) -> dict[str, float]:
    before = time.process_time()
    _load(adapter).work("import", endpoint)  # type: ignore[attr-defined]
    cost_ms = (time.process_time() - before) * 1000
    return {"least": cost_ms, "median": cost_ms, "cpu": 0.0, "delivered": 0}


def main() -> None:
    adapter, task, endpoint, size, source = sys.argv[1:]
    _make_importable(source)
    if task == "import":
        measured = _cpu_of_import(adapter, endpoint)
    else:
        from bench import curves, tasks

        if task in curves.CURVES:
            measured = curves.CURVES[task](adapter, endpoint, int(size))
        else:
            measured = tasks.run(lambda: _load(adapter), task, endpoint, int(size))._asdict()  # type: ignore
    import json

    print(json.dumps(measured))


if __name__ == "__main__":
    main()
