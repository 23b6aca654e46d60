"""The page about metrics: its applications answer a scrape, its table has every metric and cause, and its alerts can fire."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from opentracing_zipkin import TracerStats
from opentracing_zipkin.handlers import count
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.option import options_of
from opentracing_zipkin.options import ReporterOptions
from opentracing_zipkin.stats import CAUSES

from .pages import blocks

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "metrics.md"
TEXT = PAGE.read_text("utf-8")
PROGRAMS = {
    found[1]: text
    for language, text in blocks("how-to/metrics.md")
    if language == "python" and (found := re.match(r"# (\w+)\.py", text))
}
[RULES] = [yaml.safe_load(text)["groups"] for language, text in blocks("how-to/metrics.md") if language == "yaml"]
ALERTS: list[dict[str, Any]] = [rule for group in RULES for rule in group["rules"]]


def _known() -> dict[str, set[str]]:
    """Each metric, and its labels as `register` exposes them."""
    stats = TracerStats(0, 0, 0, 0, dict.fromkeys(CAUSES, 0))
    known = {metric.sample_name: {"service", *metric.samples[0][0]} for metric in stats.metrics()}
    counts = count()
    counts(FinishedSpan("a" * 16, "b" * 16))
    return {**known, **{metric.sample_name: set(metric.samples[0][0]) for metric in counts.metrics()}}


KNOWN = _known()

ASKED = {
    "flask_shop": "app.test_client().get(path).text",
    "plain_shop": "app.test_client().get(path).text",
    "fastapi_shop": "__import__('fastapi.testclient').testclient.TestClient(app).get(path).text",
    "many_shop": "app.test_client().get(path).text",
}
ASKING = """
import opentracing, time
from {name} import app

ask = lambda path: {asked}
ask("/tea")
opentracing.tracer.flush(0.1)
deadline = time.monotonic() + 20
while 'zipkin_spans_finished_total{{service="shop"}} 1' not in (page := ask("/metrics")) and time.monotonic() < deadline:
    time.sleep(0.05)
print(page)
"""


@pytest.mark.parametrize("names", [("flask_shop", "plain_shop", "fastapi_shop"), ("many_shop",)], ids=", ".join)
def test_each_application_answers_a_scrape(names: tuple[str, ...], tmp_path: Path) -> None:
    """The scrape has the account, in which the request is one span and the scrapes are none."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    # No collector runs here; finished spans are counted all the same.
    environment = {
        **os.environ,
        "ZIPKIN_ENDPOINT": "http://127.0.0.1:9",
        "ZIPKIN_EXIT_STALL_TIMEOUT": "0",
        "ZIPKIN_FLUSH_INTERVAL": "0.05",
    }
    environment |= {"PROMETHEUS_MULTIPROC_DIR": str(folder)} if names == ("many_shop",) else {}
    for name in names:
        (tmp_path / f"{name}.py").write_text(PROGRAMS[name], "utf-8")
    code = "".join(ASKING.format(name=name, asked=ASKED[name]) for name in names)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    finished = re.findall(r'^zipkin_spans_finished_total\{service="shop"\} (\d+)', done.stdout, re.MULTILINE)

    assert (0, ["1"] * len(names)) == (done.returncode, finished), done.stdout + done.stderr
    assert len(names) == done.stdout.count('cause="full"')


def test_every_program_of_the_page_is_run_or_can_be() -> None:
    """Programs that are not run are compiled, and the names that they import exist."""
    others = set(PROGRAMS) - set(ASKED)
    for name in others:
        compile(PROGRAMS[name], name, "exec")

    assert {"worker", "gunicorn_conf"} == others
    done = subprocess.run(
        [sys.executable, "-c", f"{PROGRAMS['worker']}\ntracer.start_span('a').finish()\ntracer.flush(0.2)\nprint(type(tracer).__name__)"],
        env={**os.environ, "ZIPKIN_ENDPOINT": "http://127.0.0.1:9", "ZIPKIN_EXIT_STALL_TIMEOUT": "0"},
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert "0 spans sent, 0 dropped" in done.stdout
    assert 0 == done.returncode


def test_the_table_has_every_metric_with_its_labels() -> None:
    """The table has the metrics as a registry exposes them, and the table of causes has every cause."""
    rows = dict(re.findall(r"^\| `(zipkin_\w+)` \| \w+ \| (.*?) \|", TEXT, re.MULTILINE))
    causes = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", TEXT, re.MULTILINE)

    assert KNOWN == {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows.items()}
    assert set(CAUSES) == set(causes)


# Enough of PromQL for the alerts of the page.
FUNCTIONS = {"sum", "max", "rate", "absent"}
WORDS = {"by", "and", "or", "unless"}
TOKEN = re.compile(r'"[^"]*"|[a-zA-Z_]\w*|\[\d+[smh]\]|[\d.]+|=~|!~|!=|>=|<=|==|[-+*/(){},=<>]')


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_uses_metrics_and_labels_that_exist(alert: dict[str, Any]) -> None:
    """The labels of each selector are those of its metric; the alert's text uses only labels of its result."""
    expression = alert["expr"]
    tokens = TOKEN.findall(expression)
    names = [token for token in tokens if re.fullmatch(r"[a-zA-Z_]\w*", token)]
    metrics = {name for name in names if name in KNOWN}
    labels = set().union(*(KNOWN[metric] for metric in metrics))

    assert "".join(tokens) == expression.replace(" ", "")
    assert metrics
    assert set() == set(names) - metrics - FUNCTIONS - WORDS - labels
    for open_, close in ("()", "{}"):
        assert expression.count(open_) == expression.count(close)
    for metric, matchers in re.findall(r"(zipkin_\w+)\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)[=!]", matchers)) <= KNOWN[metric]
    for metric in re.findall(r"rate\((zipkin_\w+)", expression):
        assert metric.endswith("_total")
    kept = set().union(*(set(part.split(", ")) for part in re.findall(r"by \((.*?)\)", expression)))
    assert set(re.findall(r"\$labels\.(\w+)", str(alert["annotations"]))) <= kept
    assert set(re.findall(r'cause[=!~]+"(.*?)"', expression)) <= {"|".join(pair) for pair in [("handler", "fork")]}


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    """An alert waits a while, so that one bad moment wakes nobody; its threshold is half of the default."""

    assert 5 == len({alert["alert"] for alert in ALERTS})
    for alert in ALERTS:
        assert {"alert", "expr", "for", "labels", "annotations"} == set(alert)
        assert re.fullmatch(r"\d+m", alert["for"])
        assert alert["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "action"} == set(alert["annotations"])
    [queue] = [alert for alert in ALERTS if "queued" in alert["expr"]]
    assert options_of(ReporterOptions)["max_queued_spans"].default == 2 * int(queue["expr"].split()[-1])
