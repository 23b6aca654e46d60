"""Measures one task or one curve once and prints it as JSON; run as a file, with an adapter's own Python.

Rules: from this checkout only `bench` can be imported, unless a source is given: our `opentracing` is next to it and would hide
the package of the same name that one adapter measures.  Before an import is measured, this file imports nothing that a tracer
might need, so that each tracer pays for all its own imports.
Arguments: adapter, task, the sink's URL, the size (bursts or spans), and the directory to import the tracer from, or "".
"""

from __future__ import annotations

import sys
import time


# The other two workers (exporting, instrumented) have this function, too: nothing of `bench` can be imported before it has run.
def _make_importable(source: str) -> None:
    here = __file__.rpartition("/")[0]
    if source:
        sys.path.insert(0, source)
    package = type(sys)("bench")
    package.__path__ = [here]  # made by hand: its __init__ is not run, and nothing is imported to find it
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
