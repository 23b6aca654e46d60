"""Real applications, from PyPI or as their tutorials make them, traced by the command and by one line of code.

The spans are sent when the processes end, because the flush interval is a minute.
"""

from __future__ import annotations

import http.cookiejar
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from ..integration.test_processes import BIN, PROJECT, environment, spans_of
from ..integration.test_servers import await_log
from .processes import redis_server
from .test_run import ask_all_workers, await_spans
from .traced import ONE_LINE, UVICORN, WAYS, await_port, buy_from_three_services, program

AT_ONCE = 100

# Lines of a log that must not occur: messages of our packages, and signs of a failure.
SAID = re.compile(r"(?m)^.*(?:zipkin: |Traceback|MonkeyPatchWarning).*$")
HTTPBIN = ["gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2", "{app}"]


def named(trace: list[FinishedSpan]) -> dict[tuple[str, str, str], FinishedSpan]:
    """The spans by service, kind and name; each combination occurs once."""
    spans = {(span.local.service_name if span.local else "", span.kind or "", span.name): span for span in trace}

    assert len(trace) == len(spans), "\n".join(map(repr, trace))
    return spans


@pytest.mark.parametrize("way", WAYS)
def test_fastapi_asks_httpbin(collector: Collector, tmp_path: Path, way: str) -> None:
    """A request by httpx, from two workers of uvicorn to two of gunicorn, is one trace with three spans."""
    settings = environment(collector)
    command = WAYS[way]("httpbin", HTTPBIN, "httpbin:app", tmp_path)
    with program(command, settings, tmp_path, "httpbin") as (port, httpbin_log):
        await_port(port, httpbin_log)
        settings["TARGET"] = f"http://127.0.0.1:{port}"
        app = "tests.interop.apps.untraced_gateway:app"
        command = WAYS[way]("gateway", [*UVICORN, "--workers", "2"], app, tmp_path)
        with program(command, settings, tmp_path, "gateway") as (port, log):
            await_log(log, "(?s)startup complete.*startup complete")
            count = ask_all_workers(f"http://127.0.0.1:{port}/slow/0.05", 2, log)
    spans, traces = await_spans(collector, 3 * count), list(map(named, collector.store.traces()))
    said = log.read_text() + httpbin_log.read_text()

    assert (3 * count, count) == (len(spans), len(traces)), said[-3000:]
    for trace in traces:
        served, called, answered = (
            trace["gateway", "SERVER", "get /slow/{seconds}"],
            trace["gateway", "CLIENT", "get"],
            trace["httpbin", "SERVER", "get /delay/{delay}"],
        )
        assert served.parent_id is None
        assert [served.span_id] * 2 == [called.parent_id, answered.parent_id]
        assert called.span_id == answered.span_id
    assert [] == SAID.findall(said)
    assert "secret" not in repr(spans)


def ask(url: str, **headers: str) -> None:
    """Read the response, whatever its status; redirects are followed."""
    request = urllib.request.Request(url, headers=headers)
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()


@pytest.mark.parametrize("way", WAYS)
def test_httpbin_tells_what_became_of_each_request(collector: Collector, tmp_path: Path, way: str) -> None:
    """Routes with parameters, redirects, errors, streams and empty responses have spans, and a caller's trace is joined."""
    command = WAYS[way]("httpbin", HTTPBIN, "httpbin:app", tmp_path)
    with program(command, environment(collector), tmp_path, "httpbin") as (port, log):
        await_port(port, log)
        url = f"http://127.0.0.1:{port}"
        for path in ("/get?key=secret", "/redirect/1", "/status/500", "/stream/3", "/status/204", "/nope", "/image/png"):
            ask(url + path)
        ask(f"{url}/uuid", b3="80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90")
    spans = await_spans(collector, 9)

    assert Counter(
        {
            ("get /get", "", ""): 2,
            ("get /redirect/{n}", "302", ""): 1,
            ("get /status/{codes}", "500", "500"): 1,
            ("get /stream/{n}", "", ""): 1,
            ("get /status/{codes}", "", ""): 1,
            ("get not_found", "404", ""): 1,
            ("get /image/png", "", ""): 1,
            ("get /uuid", "", ""): 1,
        }
    ) == Counter((span.name, span.tags.get("http.status_code", ""), span.tags.get("error", "")) for span in spans)
    assert ["80f198ee56343ba864fe8b2a57d3eff7"] == [span.trace_id for span in spans if span.name == "get /uuid"]
    assert ["e457b5a2e4d86bd1"] == [span.span_id for span in spans if span.name == "get /uuid"]
    assert [] == SAID.findall(log.read_text())
    assert "secret" not in repr(spans)


def kind_of(span_id: str, spans: list[FinishedSpan]) -> str | None:
    return next((span.kind for span in spans if span.span_id == span_id), "unknown")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Django project with its admin, made by `startproject`, with a database and a superuser."""
    folder = tmp_path_factory.mktemp("project")
    make = [str(BIN / "django-admin"), "startproject", "shop", str(folder)]
    subprocess.run(make, check=True, timeout=60)
    settings = {**os.environ, "DJANGO_SUPERUSER_PASSWORD": "pass"}
    for command in (["migrate"], ["createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.com"]):
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=folder, env=settings, capture_output=True, check=True, timeout=60
        )
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_a_site_of_django_with_its_admin(collector: Collector, project: Path, tmp_path: Path, way: str) -> None:
    """Each request for the login and the lists is a trace with its queries, and is named by the admin's own route."""
    server = ["python", str(project / "manage.py"), "runserver", "--noreload", "127.0.0.1:{port}"]
    if way == "run":
        command = WAYS[way]("admin", server, "", tmp_path)
    else:
        settings = project / "shop" / "settings.py"
        settings.write_text(settings.read_text() + ONE_LINE.format(name="admin"))
        command = [sys.executable, *server[1:]]
    with program(command, environment(collector), tmp_path, "admin") as (port, log):
        await_port(port, log)
        site = f"http://127.0.0.1:{port}"
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

        def read(path: str, **form: str) -> str:
            data = urllib.parse.urlencode(form).encode() if form else None
            with opener.open(site + path, data, timeout=20) as answer:
                text: str = answer.read().decode()
                return text

        [token] = set(re.findall(r'csrfmiddlewaretoken" value="(\w+)"', read("/admin/")))
        read("/admin/login/?next=/admin/", csrfmiddlewaretoken=token, username="ada", password="pass", next="/admin/")

        assert "ada@example.com" in read("/admin/auth/user/?q=ada")
        assert "Change user" in read("/admin/auth/user/1/change/")
    traces = [trace for trace in collector.store.traces() if any(span.kind == "SERVER" for span in trace)]
    spans = [span for trace in traces for span in trace if span.kind == "SERVER"]
    queries = [span for span in spans_of(collector) if span.kind != "SERVER"]

    assert [
        ("get /admin/", "302"),
        ("get /admin/login/", ""),
        ("post /admin/login/", "302"),
        ("get /admin/", ""),
        ("get /admin/auth/user/", ""),
        ("get /admin/auth/user/{object_id}/change/", ""),
    ] == [(s.name, s.tags.get("http.status_code", "")) for s in sorted(spans, key=lambda span: span.timestamp_us or 0)]
    assert 6 == len(spans) == len(traces)
    assert {("CLIENT", "sqlite")} == {(span.kind, span.remote.service_name) for span in queries if span.remote}
    # The server reads the database's migrations before the first request.
    assert {"SERVER", None} == {span.parent_id and kind_of(span.parent_id, spans) for span in queries}
    assert [] == SAID.findall(log.read_text())


@pytest.mark.parametrize("way", WAYS)
def test_a_hundred_requests_at_once_are_a_hundred_whole_traces(collector: Collector, tmp_path: Path, way: str) -> None:
    """With a hundred requests at once through three services, no span is missing or repeated, and each has its parent."""
    articles = [f"tea{n}" for n in range(AT_ONCE)]
    answers, said = buy_from_three_services(WAYS[way], environment(collector), tmp_path, articles)
    spans, traces = await_spans(collector, 5 * AT_ONCE), list(map(named, collector.store.traces()))

    assert [f"paid {article}" for article in articles] == answers
    assert (5 * AT_ONCE, AT_ONCE) == (len(spans), len(traces)), said[-3000:]
    for trace in traces:
        frontend = trace["frontend", "SERVER", "get /buy/{article}"]
        to_orders, orders = trace["frontend", "CLIENT", "post"], trace["orders", "SERVER", "post /orders/{article}"]
        to_payment, payment = trace["orders", "CLIENT", "post"], trace["payment", "SERVER", "post /charge"]

        assert frontend.parent_id is None
        assert {(frontend.span_id, to_orders.span_id)} == {(s.parent_id, s.span_id) for s in (to_orders, orders)}
        assert {(orders.span_id, to_payment.span_id)} == {(s.parent_id, s.span_id) for s in (to_payment, payment)}
        # The spans are of the same request, not of two that were served at the same time.
        assert frontend.tags["http.path"].rpartition("/")[2] == orders.tags["http.path"].rpartition("/")[2]
    assert [] == SAID.findall(said)


ASK = "from traced_caller import app; print(app.tasks['pack'].delay('tea').get(timeout=30))"


def test_a_worker_of_celery_by_one_line(collector: Collector, tmp_path: Path) -> None:
    """The sending and the run of a task are in one trace, with Redis between them, if both processes have the one line."""
    for name in ("worker", "caller"):
        line = ONE_LINE.format(name=name)
        (tmp_path / f"traced_{name}.py").write_text(f"{line}\nfrom tests.interop.apps.untraced_celery import app\n")
    worker = [str(BIN / "celery"), "--app", "traced_worker", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    with redis_server(tmp_path) as broker:
        settings = environment(collector, BROKER=f"redis://127.0.0.1:{broker}/0")
        with program(worker, settings, tmp_path, "worker") as (_, log):
            await_log(log, "ready\\.")
            done = subprocess.run(
                [sys.executable, "-c", ASK], env={**settings, "PYTHONPATH": f"{PROJECT}:{tmp_path}"}, cwd=PROJECT,
                capture_output=True, text=True, timeout=50, check=False,
            )  # fmt: skip
    await_spans(collector, 2)
    [trace] = map(named, collector.store.traces())
    sent, run = trace["caller", "PRODUCER", "send pack"], trace["worker", "CONSUMER", "pack"]

    assert ("packed tea\n", "") == (done.stdout, done.stderr)
    assert sent.span_id == run.parent_id
    assert [] == SAID.findall(log.read_text())
