"""The demo as a user runs it: three processes, and the embedded collector."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest

from opentracing_zipkin.codec import ENCODINGS
from opentracing_zipkin.commands.demo import add_arguments, run
from opentracing_zipkin.demo import runner
from opentracing_zipkin.demo.visits import VISITS, SpanKey, key_of
from tests.ports import free_port

DEMO = (sys.executable, "-m", "opentracing_zipkin", "demo")


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], capture_output=True, encoding="utf-8", timeout=50)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_demo_shows_every_span_of_every_request(encoding: str, tmp_path: Path) -> None:
    """Each span has one row, grouped by request; the exit status is 0, and the written file has the same spans."""
    done = demo("--encoding", encoding, "--output", str(tmp_path / "spans.json"))
    expected = [key for visit in VISITS for key in visit.spans]
    rows = re.findall(r"^(\w+) +[└├│─ ]*(.+?) +(server|client|local)  .*\d ms", done.stdout, re.MULTILINE)
    shown = [SpanKey(service, kind.upper().replace("LOCAL", ""), name) for service, name, kind in rows]

    assert (0, f"wrote {tmp_path / 'spans.json'}\n") == (done.returncode, done.stderr)
    assert sorted(expected) == sorted(shown)
    assert sorted(expected) == sorted(map(key_of, json.loads((tmp_path / "spans.json").read_text())))


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_takes_no_span_and_no_call(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment, which cannot reach this machine's loopback interface, is not used."""
    monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    done = demo()

    assert (0, "") == (done.returncode, done.stderr)


def test_the_demo_shows_what_failed_and_where_to_look() -> None:
    """The declined card is marked at the span that failed, and the output names the way to the real server's page."""
    done = demo()

    assert re.search(r"^payment +└─post /charge .* ms ✗\n +│ CardDeclined: insufficient funds$", done.stdout, re.MULTILINE)
    assert 5 == done.stdout.count("✗")
    assert "make demo ZIPKIN=http://127.0.0.1:9411" in done.stdout
    assert "\033" not in done.stdout


def test_served_the_collector_shows_its_page_until_ctrl_c() -> None:
    """With --serve the embedded collector's URL is printed and answers until Ctrl-C, which ends the demo with status 0."""
    import requests

    with subprocess.Popen([*DEMO, "--serve"], stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True) as process:
        assert process.stdout is not None
        url = next(filter(None, (re.search(r"http://\S+(?= until Ctrl-C)", line) for line in process.stdout)))[0]
        page = requests.get(url, timeout=5)
        process.send_signal(signal.SIGINT)

        assert 0 == process.wait(10)
    assert (200, "text/html") == (page.status_code, page.headers["Content-Type"].partition(";")[0])


def test_the_page_is_opened_in_the_browser(tmp_path: Path) -> None:
    """With --open the browser gets the page's URL, and the collector runs on."""
    seen, browser = tmp_path / "seen", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shlex.quote(str(seen))}\n')
    browser.chmod(0o755)
    environment = {**os.environ, "BROWSER": f"{shlex.quote(str(browser))} %s"}
    with subprocess.Popen([*DEMO, "--open"], stdout=subprocess.PIPE, encoding="utf-8", env=environment) as process:
        assert process.stdout is not None
        url = next(filter(None, (re.search(r"http://\S+(?= until Ctrl-C)", line) for line in process.stdout)))[0]
        process.send_signal(signal.SIGINT)

        assert 0 == process.wait(10)
    assert url == seen.read_text().strip()


@pytest.mark.parametrize("failure", [False, webbrowser.Error("no browser")])
def test_where_no_browser_opens_the_url_is_said(
    failure: bool | Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If no browser opens, for instance on a machine without a screen, the URL is printed."""

    def fail(url: str) -> bool:
        if isinstance(failure, Exception):
            raise failure
        return failure

    def fail_and_interrupt(url: str) -> bool:
        signal.raise_signal(signal.SIGINT)
        return fail(url)

    monkeypatch.setattr(webbrowser, "open", fail_and_interrupt)
    runner._serve("http://127.0.0.1:1", open_page=True)

    assert "No browser could be opened; the page is at http://127.0.0.1:1/\n" == capsys.readouterr().err


def test_ctrl_c_ends_the_demo_and_its_services(tmp_path: Path) -> None:
    """After Ctrl-C in the middle, the demo ends with the shell's status for that and leaves no service behind."""
    command = [*DEMO, "--output", str(tmp_path / "spans.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # the services run
        process.send_signal(signal.SIGINT)
        # Both pipes are read to their ends: a service that was left behind would hold standard error open.
        rest = process.stdout.read(), process.stderr.read()

        assert 130 == process.wait(10), rest
    assert not (tmp_path / "spans.json").exists()


def test_an_unreachable_collector_is_one_line_and_status_1() -> None:
    """If no collector answers at --endpoint, the demo prints one line at once and starts nothing."""
    done = demo("--endpoint", "http://127.0.0.1:9")

    assert (1, "") == (done.returncode, done.stdout)
    assert re.fullmatch(r"opentracing-zipkin demo: no collector answers at http://127\.0\.0\.1:9 .*\n", done.stderr)


def test_a_wrong_endpoint_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong endpoint is refused with the remedy."""
    assert 1 == run(parsed("--endpoint", "localhost:9411"))
    assert "use the collector's URL" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--serve", "--open"])
def test_serve_and_endpoint_exclude_each_other(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--serve and --open are refused with --endpoint, because only our own collector can be kept running."""
    assert 2 == run(parsed(option, "--endpoint", "http://127.0.0.1:9411"))
    assert f"{option} is for the embedded collector" in capsys.readouterr().err


def test_a_missing_span_is_status_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """If a span that a request must cause is not in the collector, the demo fails and names the span."""
    more = VISITS[0]._replace(spans=(*VISITS[0].spans, SpanKey("payment", "", "dream")))
    monkeypatch.setattr(runner, "VISITS", (more,))
    monkeypatch.setattr("opentracing_zipkin.demo.query.STORE_TIMEOUT_S", 0.2)

    assert 1 == run(parsed())
    assert capsys.readouterr().err.endswith("missing: payment local 'dream'\n")


def test_an_unexpected_answer_is_status_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo fails if the application gives an unexpected answer."""
    monkeypatch.setattr(runner, "VISITS", (VISITS[0]._replace(status=418),))

    assert 1 == run(parsed())
    assert "GET /products was answered 200" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The demo fails with the remedy if --output cannot be written."""
    monkeypatch.setattr(runner, "VISITS", VISITS[:1])

    assert 1 == run(parsed("--output", str(tmp_path / "no" / "such" / "folder.json")))
    assert "give --output another file" in capsys.readouterr().err
