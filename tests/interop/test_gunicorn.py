"""gunicorn's gevent worker patches after the fork; with `--preload` this is after `configure` and after the first span."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector

from ..integration.test_processes import BIN, await_answer, environment, get, running, spans_of
from ..ports import free_port

REQUESTS = 200
OPTIONS = {
    "preload": ["--workers", "2", "--preload"],
    "no preload": ["--workers", "2"],
    "preload, few requests a worker": ["--workers", "2", "--preload", "--max-requests", "40"],
}


@pytest.mark.parametrize("interval", ["0.05", "60"])
@pytest.mark.parametrize("options", OPTIONS)
def test_every_request_to_a_gevent_worker_has_its_span(
    collector: Collector, tmp_path: Path, options: str, interval: str
) -> None:
    """Every request has its span, sent while the worker runs or at its end, and so has the import of the application."""
    port, log = free_port(), tmp_path / "log"
    command = [
        str(BIN / "gunicorn"), "-k", "gevent", "--bind", f"127.0.0.1:{port}", *OPTIONS[options],
        "tests.integration.apps.web:application",
    ]  # fmt: skip
    with running(command, environment(collector, ZIPKIN_FLUSH_INTERVAL=interval), log):
        first = await_answer(f"http://127.0.0.1:{port}/", log)
        with ThreadPoolExecutor(6) as executor:
            answers = [first, *executor.map(get, [f"http://127.0.0.1:{port}/"] * REQUESTS)]
    spans = spans_of(collector)
    served = [f"{span.span_id} {span.tags['pid']}" for span in spans if span.name == "get"]

    assert sorted(answers) == sorted(served), log.read_text()[-3000:]
    assert {"import", "get"} == {span.name for span in spans}
    assert len(spans) == len({span.span_id for span in spans})
