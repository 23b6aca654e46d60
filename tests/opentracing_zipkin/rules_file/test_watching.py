"""A watched file of rules: a change takes effect, a mistake keeps the rules, and neither waits on the application's thread."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opentracing_zipkin import ZipkinTracer, sampling
from opentracing_zipkin.process import forking
from opentracing_zipkin.rules_file import WatchedRules, watching
from opentracing_zipkin.rules_file.reading import MAX_FILE_BYTES
from opentracing_zipkin.sampling import Root
from opentracing_zipkin.testing import InMemoryRecorder

from ...waiting import wait_until

PATIENCE_S = 30.0

YES = '[[rule]]\npath = "/a"\nrate = 1\n'
NO = '[[rule]]\npath = "/a"\nrate = 0\n'
A = Root(tags={"http.path": "/a"})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    watching._close_all()
    wait_until(lambda: threads() == 0)  # the threads of the test before
    monkeypatch.setattr(watching, "POLL_INTERVAL_S", 0.01)
    monkeypatch.setattr(watching, "CONFIRM_DELAY_S", 0.01)
    yield
    watching._close_all()
    wait_until(lambda: threads() == 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "rules.toml"
    file.write_text(YES)
    return file


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines of the log so far."""
    caplog.set_level(logging.INFO, "opentracing_zipkin")
    return lambda: caplog.messages


def watched(file: Path) -> WatchedRules:
    return WatchedRules(str(file), sampling.never)


def look(rules: WatchedRules) -> None:
    """Look at the file as the thread does, as often as a change needs to count."""
    for _ in range(3):
        rules.look()


# The changes that may happen to a file that had good rules.


def replace(file: Path, text: str) -> None:
    beside = file.with_name("beside")
    beside.write_text(text)
    beside.rename(file)


def link(file: Path, text: str) -> None:
    """Link the file as Kubernetes mounts a ConfigMap: through a link to a folder, which is swapped."""
    folder, data = file.parent / f"..{time.monotonic_ns()}", file.parent / "..data"
    folder.mkdir()
    (folder / file.name).write_text(text)
    beside = file.parent / "..data_tmp"
    beside.symlink_to(folder.name)
    beside.rename(data)
    if not file.is_symlink():
        file.unlink()
        file.symlink_to(f"..data/{file.name}")


WRITES: dict[str, Callable[[Path, str], object]] = {
    "written in place": lambda file, text: file.write_text(text),
    "replaced by another": replace,
    "a link that is swapped": link,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_change_takes_effect_and_is_said(
    file: Path, lines: Callable[[], list[str]], write: Callable[[Path, str], object]
) -> None:
    """The thread that the first root starts sees a change, also one of the same length, and logs it."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampling_rules=file, sample_rate=0.0)

    def sampled() -> bool | None:
        return tracer.start_trace("x", {"http.path": "/a"}).context.sampled

    assert True is sampled()
    for text, answer in ((NO, False), (YES, True), (NO, False)):
        write(file, text)
        wait_until(lambda answer=answer: sampled() is answer)  # type: ignore[misc]
    wait_until(lambda: len(lines()) == 3)
    tracer.close(0)

    assert {f"zipkin: the file of sampling rules {file} has changed; rules in use now: 1"} == set(lines())


SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a mistake": (lambda file: file.write_text('[[rule]]\npath = "/a"\nrate = 2\n'), ", line 3, column 1: rate is 2; use 0.0"),
    "a misspelt key": (
        lambda file: file.write_text("[[rule]]\nrte = 1\n"),
        ", line 2, column 1: a rule has no key 'rte'; did you",
    ),
    "no TOML": (lambda file: file.write_text("[[rule]]\npath /a\n"), ", line 2, column 6: this is no TOML"),
    "half written": (lambda file: file.write_text(NO[:-4]), ", line 3, column 6: this is no TOML"),
    "no UTF-8": (lambda file: file.write_bytes(b"\xff"), ", line 1, column 1: this is no UTF-8"),
    "emptied": (lambda file: file.write_text(""), " has no rule"),
    "deleted": (lambda file: file.unlink(), " cannot be read: No such file"),
    "a folder in its place": (lambda file: (file.unlink(), file.mkdir()), " cannot be read: Is a directory"),
    "a pipe in its place": (lambda file: (file.unlink(), os.mkfifo(file)), " is no regular file"),
    "huge": (lambda file: file.write_bytes(b"#" * (MAX_FILE_BYTES + 1)), f" is larger than {MAX_FILE_BYTES} bytes"),
    "a link to nowhere": (lambda file: (file.unlink(), file.symlink_to("away")), " cannot be read: No such file"),
    "a link to itself": (lambda file: (file.unlink(), file.symlink_to(file.name)), " cannot be read: Too many levels"),
    "replaced by a mistake": (lambda file: replace(file, "[[rule]]\nrate = 2\n"), ", line 2, column 1: rate is 2"),
}


def clear(file: Path) -> None:
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)


@pytest.mark.parametrize(("spoil", "told"), SPOILS.values(), ids=SPOILS)
def test_what_cannot_be_used_keeps_the_rules_and_is_said_once(
    file: Path, lines: Callable[[], list[str]], spoil: Callable[[Path], object], told: str
) -> None:
    """A file that cannot be used keeps the rules; this is logged once, with the place, and so is its end."""
    rules = watched(file)
    before = rules.rules
    spoil(file)
    for _ in range(3):
        look(rules)
    [line] = lines()

    assert line.startswith(f"zipkin: the file of sampling rules {file}{told}")
    assert line.endswith("; the rules that were read before are still used")
    assert before is rules.rules
    assert True is rules.rules.decide(1, A)
    clear(file)
    file.write_text(NO)  # before anybody looks
    for _ in range(3):
        look(rules)

    assert f"zipkin: the file of sampling rules {file} can be used again, and has changed; rules in use now: 1" == lines()[-1]
    assert 2 == len(lines())
    assert False is rules.rules.decide(1, A)


def test_the_same_rules_again_after_a_mistake_are_said_too(file: Path, lines: Callable[[], list[str]]) -> None:
    """After a mistake also the return of the same rules is logged."""
    rules = watched(file)
    for text in ("", YES):
        file.write_text(text)
        look(rules)

    assert ["has no rule", "can be used again"] == [
        next(words for words in ("has no rule", "can be used again") if words in line) for line in lines()
    ]


def test_a_change_that_neither_time_nor_size_tells_counts(file: Path) -> None:
    """A change counts even if time and size stay the same, as within one tick of the file system's clock."""
    rules, before = watched(file), file.stat()
    file.write_text(NO)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    look(rules)

    assert (before.st_size, before.st_mtime_ns) == (file.stat().st_size, file.stat().st_mtime_ns)
    assert False is rules.decide(1, A)


def test_a_content_counts_when_two_looks_have_seen_it(file: Path, lines: Callable[[], list[str]]) -> None:
    """A content counts when it was read twice, because a part of a file may be a valid file of rules."""
    rules = watched(file)
    with file.open("w") as writing:
        for part in (NO[:12], NO[12:], "[[rule]]\n", "rate = 1\n"):
            writing.write(part)
            writing.flush()
            assert watching.CONFIRM_DELAY_S == rules.look()
    assert ([], True) == (lines(), rules.rules.decide(1, A))
    look(rules)

    assert (2, False) == (len(rules.rules.rules), rules.rules.decide(1, A))


def test_a_file_that_is_touched_or_comes_back_is_no_news(file: Path, lines: Callable[[], list[str]]) -> None:
    """A file that is touched, or comes back unchanged, is not logged."""
    rules = watched(file)
    before = rules.rules
    file.touch()
    look(rules)
    file.unlink()
    rules.look()
    file.write_text(YES)
    look(rules)

    assert ([], True) == (lines(), before is rules.rules)


def test_a_limit_that_stays_goes_on_with_its_budget(file: Path) -> None:
    """A rule that stays keeps the budget of its limit, and a changed limit begins anew."""
    limited = '[[rule]]\npath = "/a"\nlimit = 0.001\n'
    file.write_text(limited)
    rules = watched(file)
    answers = [rules.rules.decide(1, A)]
    for text in ('[[rule]]\npath = "/b"\nrate = 0\n' + limited, limited.replace("0.001", "0.002")):
        file.write_text(text)
        look(rules)
        answers.append(rules.rules.decide(1, A))

    assert [True, False, True] == answers


def test_headers_of_new_rules_count(file: Path) -> None:
    """The headers that new rules need are read from then on."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampling_rules=file, sample_rate=0.0)
    rules = tracer.sampler
    assert isinstance(rules, WatchedRules)
    carrier = {"X-Tenant": "gold"}
    before = tracer.extract("http_headers", carrier)
    file.write_text('[[rule]]\nheaders = { x-tenant = "gold" }\nrate = 1\n')
    look(rules)
    after = tracer.extract("http_headers", carrier)

    assert [None, True] == [before, tracer.start_span("x", child_of=after).context.sampled]
    tracer.close(0)


# The thread


def threads() -> int:
    """The number of watching threads, found by their code, because a bare thread has no name."""
    return sum(any(code is watching._watch.__code__ for code in codes(frame)) for frame in sys._current_frames().values())


def codes(frame: object) -> list[object]:
    found = []
    while frame is not None:
        found.append(frame.f_code)  # type: ignore[attr-defined]
        frame = frame.f_back  # type: ignore[attr-defined]
    return found


def test_the_first_root_starts_the_thread_and_the_last_one_no_other(file: Path) -> None:
    """The first root starts one thread for each file, and later roots start none."""
    rules = watched(file)
    assert 0 == threads()
    begin = threading.Barrier(8)

    def ask() -> None:
        begin.wait(PATIENCE_S)
        for _ in range(100):
            rules.decide(1, A)

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    wait_until(lambda: threads() == 1)
    rules.close()

    wait_until(lambda: threads() == 0)
    rules.decide(1, A)
    assert 0 == threads()


def test_the_thread_ends_with_the_tracer(file: Path) -> None:
    """The thread ends when the tracer is closed or garbage-collected, and keeps nothing alive."""
    for end in (ZipkinTracer.close, lambda tracer: None):
        tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampling_rules=file)
        tracer.start_trace("x")
        wait_until(lambda: threads() == 1)
        end(tracer)
        gone = weakref.ref(tracer)
        del tracer
        gc.collect()

        wait_until(lambda: threads() == 0)
        assert None is gone()


def test_a_thread_that_cannot_be_started_is_tried_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that cannot be started is tried again after a second, not at each root, and the rules decide meanwhile."""
    tried = []

    def refuse(*_: object) -> None:
        tried.append(1)
        raise RuntimeError("can't start new thread")

    rules = watched(file)
    with monkeypatch.context() as patch:
        patch.setattr(watching, "start_thread", refuse)
        assert [True] * 50 == [rules.decide(1, A) for _ in range(50)]
    assert 1 == len(tried)
    rules._retry_at = 0.0
    rules.decide(1, A)

    wait_until(lambda: threads() == 1)
    rules.close()


def test_a_handler_that_raises_while_the_thread_starts_leaves_no_claim(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a handler raises while the thread starts, the next root starts it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    rules = watched(file)
    with monkeypatch.context() as patch:
        patch.setattr(watching, "start_thread", interrupt)
        with pytest.raises(KeyboardInterrupt):
            rules.decide(1, A)
    rules.decide(1, A)

    wait_until(lambda: threads() == 1)
    rules.close()


def test_whatever_a_look_raises_the_thread_goes_on(
    file: Path, lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception in a look is logged, and the thread goes on."""
    rules = watched(file)
    looks = []

    def broken(self: WatchedRules) -> float:
        looks.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(WatchedRules, "look", broken)
    rules.decide(1, A)
    wait_until(lambda: len(looks) > 2)
    rules.close()

    assert lines()[0].endswith("cannot be looked at")


def test_a_forked_child_looks_by_itself(file: Path) -> None:
    """A forked child starts a thread of its own."""
    rules = watched(file)
    rules.decide(1, A)
    wait_until(lambda: threads() == 1)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            file.write_text(NO)
            wait_until(lambda: not rules.decide(1, A))
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    wait_until(lambda: not rules.decide(1, A))
    rules.close()

    assert 0 == status


def test_the_master_of_uwsgi_starts_no_thread(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uWSGI's master process starts no thread."""
    monkeypatch.setattr(watching, "may_start_thread", lambda: False)
    rules = watched(file)
    rules.decide(1, A)

    assert ({}, 0) == (rules._turns, threads())
    assert watching.may_start_thread is not forking.may_start_thread


def test_no_file_is_looked_at_on_the_applications_thread(file: Path) -> None:
    """While ten thousand roots start, the application's thread opens and stats no file."""
    code = f"""
import os, sys, threading
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder
tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampling_rules={str(file)!r})
mine, touched = threading.get_ident(), []
sys.addaudithook(lambda event, args: touched.append(event) if event in ("open", "os.listdir") and threading.get_ident() == mine else None)
stat = os.stat
os.stat = lambda *args, **named: (touched.append("stat") if threading.get_ident() == mine else None) or stat(*args, **named)
for _ in range(10_000):
    tracer.start_trace("x", {{"http.path": "/a"}})
print(touched)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)

    assert ("[]\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("patch_first", [True, False])
def test_greenlets_are_not_stopped(file: Path, patch_first: bool) -> None:
    """Other greenlets go on and a change takes effect, whether gevent patches before or after the thread's start."""
    patch = "from gevent import monkey; monkey.patch_all()"
    code = f"""
import time
{patch if patch_first else ""}
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.rules_file import watching
from opentracing_zipkin.testing import InMemoryRecorder
watching.POLL_INTERVAL_S = 0.3
tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sampling_rules={str(file)!r})
def sampled():
    return tracer.start_trace("x", {{"http.path": "/a"}}).context.sampled
assert sampled()
time.sleep(0.05)
{"" if patch_first else patch}
import gevent
open({str(file)!r}, "w").write({NO!r})
turns, longest, end = 0, 0.0, time.monotonic() + 20
while sampled() and time.monotonic() < end:
    begin = time.monotonic()
    gevent.sleep(0.01)
    longest, turns = max(longest, time.monotonic() - begin), turns + 1
print(sampled(), turns > 5)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=50, check=False)

    assert ("False True\n", "") == (done.stdout, done.stderr)
