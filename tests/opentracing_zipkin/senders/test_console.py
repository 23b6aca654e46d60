"""The console: lines of JSON on standard streams, in files and in pipes."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer, configure
from opentracing_zipkin.__main__ import main
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.console import PIPE_BUF, ConsoleSender, problem_with

ONE, TWO = b'{"id":"1"}\n', b'{"id":"2"}\n'


def refusal(sender: ConsoleSender, body: bytes = ONE) -> str:
    with pytest.raises(SendError) as caught:
        sender.send(body)
    assert True is caught.value.retryable
    assert caught.value.__cause__ is None is caught.value.__context__
    return str(caught.value)


PREAMBLE = "import os, sys\nfrom opentracing_zipkin.senders.console import ConsoleSender\n"


def in_a_process(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a program with our sender and its own standard streams."""
    command = [sys.executable, "-c", PREAMBLE + code, *arguments]
    return subprocess.run(command, timeout=50, **{"capture_output": True, **options})


# Files


def test_lines_are_added_to_a_file(tmp_path: Path) -> None:
    """Lines are added at the end of a file, and a missing file is made."""
    path = tmp_path / "spans.jsonl"
    one, other = ConsoleSender(str(path)), ConsoleSender(str(path))
    one.send(ONE)
    other.send(TWO)
    one.send(ONE + TWO)

    assert ONE + TWO + ONE + TWO == path.read_bytes()
    assert f"ConsoleSender({str(path)!r})" == repr(one)


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_file_that_was_rotated_is_found_again(tmp_path: Path, how: str) -> None:
    """After a rotation the next message goes to the new file at the path, and nothing to the old one."""
    path, old = tmp_path / "spans.jsonl", tmp_path / "spans.jsonl.1"
    sender = ConsoleSender(str(path))
    sender.send(ONE)
    if how == "removed":
        path.unlink()
    else:
        path.rename(old)
    if how == "replaced":
        path.write_bytes(b"")
    sender.send(TWO)

    assert TWO == path.read_bytes()
    assert how == "removed" or ONE == old.read_bytes()


def test_a_file_that_was_cut_goes_on_at_its_begin(tmp_path: Path) -> None:
    """After a truncation, as by logrotate's copytruncate, lines begin at the file's start, without a hole."""
    path = tmp_path / "spans.jsonl"
    sender = ConsoleSender(str(path))
    sender.send(ONE)
    os.truncate(path, 0)
    sender.send(TWO)

    assert TWO == path.read_bytes()


def _in_missing_folder(folder: Path) -> str:
    return str(folder / "none" / "spans.jsonl")


def _below_a_file(folder: Path) -> str:
    (folder / "file").write_bytes(b"")
    return str(folder / "file" / "spans.jsonl")


def _a_folder(folder: Path) -> str:
    return str(folder)


def _full(folder: Path) -> str:
    return "/dev/full"


def _pipe_without_reader(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return str(folder / "pipe")


def _a_link_to_nowhere(folder: Path) -> str:
    (folder / "link").symlink_to(folder / "missing" / "spans.jsonl")
    return str(folder / "link")


def _a_link_to_itself(folder: Path) -> str:
    (folder / "link").symlink_to(folder / "link")
    return str(folder / "link")


def _a_name_of_256_bytes(folder: Path) -> str:
    return str(folder / ("x" * 256))


UNWRITABLE_AT_ONCE_ONLY = (_full,)  # a full disk shows only when something is written


@pytest.mark.parametrize(
    ("path_in", "words"),
    [
        (_a_link_to_nowhere, "No such file or directory; make its folder"),
        (_a_link_to_itself, "Too many levels of symbolic links"),
        (_a_name_of_256_bytes, "File name too long"),
        (_in_missing_folder, "No such file or directory; make its folder"),
        (_below_a_file, "Not a directory; make its folder"),
        (_a_folder, "Is a directory; give the path of a file"),
        (_full, "No space left on device; make room"),
        (_pipe_without_reader, "No such device or address; nobody reads it"),
    ],
)
def test_a_file_that_cannot_be_written_is_named_with_the_remedy(
    tmp_path: Path, path_in: Callable[[Path], str], words: str
) -> None:
    """An unwritable file is named with the remedy, and retried until the spans are counted as `expired`."""
    path = path_in(tmp_path)
    tracer = ZipkinTracer("service", endpoint=f"console:{path}", retry_timeout=0)
    tracer.start_span("x").finish()

    assert refusal(ConsoleSender(path)).endswith(f": {words}")
    assert ("" if path_in in UNWRITABLE_AT_ONCE_ONLY else words) == problem_with(path)
    assert False is tracer.flush(5)
    assert (1, 1) == (tracer.stats.finished, tracer.stats.dropped["expired"])
    tracer.close(0)


def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    """A folder without permission is named with the remedy."""
    tmp_path.chmod(0o500)
    path = str(tmp_path / "spans.jsonl")
    user = os.geteuid()
    if user == 0:  # root may write anywhere
        os.seteuid(65534)
    try:
        told = refusal(ConsoleSender(path))
    finally:
        os.seteuid(user)

    assert f"{path}: Permission denied; let this process write there" == told


LIMITED = """
import resource
from opentracing_zipkin.senders import SendError
path, room, *lines = sys.argv[1:]
body = "".join(line + "\\n" for line in lines).encode()
sender = ConsoleSender(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), resource.RLIM_INFINITY))
for _ in range(2):
    try:
        sender.send(body)
    except SendError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sender.send(body)
sender.send(b"end\\n")
"""


@pytest.mark.parametrize("room", range(1, 12))
def test_no_line_is_lost_or_written_twice_where_a_file_had_no_room(tmp_path: Path, room: int) -> None:
    """After half a line, the next try ends it and writes the whole line again."""
    path = tmp_path / "spans.jsonl"
    lines = ["abc", "def", "ghi"]
    done = in_a_process(LIMITED, str(path), str(room), *lines)

    assert (0, b"") == (done.returncode, done.stderr)
    assert [f"{path}: File too large; rotate the file, or raise its limit (ulimit -f)"] * 2 == done.stdout.decode().splitlines()
    half = lines[room // 4][: room % 4]
    assert [*lines[: room // 4], *([half] if half else []), *lines[room // 4 :], "end"] == path.read_text().splitlines()


ROTATED = """
import resource
from opentracing_zipkin.senders import SendError
path, how = sys.argv[1:]
sender = ConsoleSender(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (6, resource.RLIM_INFINITY))
try:
    sender.send(b"abc\\ndef\\n")
except SendError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
{"cut": lambda: os.truncate(path, 0), "moved": lambda: os.rename(path, path + ".1"), "removed": lambda: os.remove(path)}[how]()
sender.send(b"abc\\ndef\\n")
"""


@pytest.mark.parametrize("how", ["cut", "moved", "removed"])
def test_a_file_that_was_rotated_behind_half_a_line_begins_with_a_line(tmp_path: Path, how: str) -> None:
    """After a rotation behind half a line, the new file begins with a whole line, even if it has the same inode number."""
    path = tmp_path / "spans.jsonl"
    done = in_a_process(ROTATED, str(path), how)

    assert (0, b"") == (done.returncode, done.stderr)
    assert b"def\n" == path.read_bytes()


def test_a_file_of_another_user_in_a_folder_for_all_is_opened_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An existing file of another user is opened without O_CREAT, which Linux would refuse (fs.protected_regular)."""
    path = tmp_path / "spans.jsonl"
    path.write_bytes(ONE)
    original = os.open

    def protected(name: Any, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT and os.path.exists(name):
            raise PermissionError(13, "Permission denied")
        return original(name, flags, *mode)

    monkeypatch.setattr(os, "open", protected)
    ConsoleSender(str(path)).send(TWO)
    ConsoleSender(f"{path}.new").send(TWO)
    monkeypatch.undo()

    assert (ONE + TWO, TWO) == (path.read_bytes(), Path(f"{path}.new").read_bytes())


APPENDING = """
import json
path, name = sys.argv[1:]
sender = ConsoleSender(path)
for number in range(200):
    lines = [json.dumps({"by": name, "n": number * 3 + part, "x": "x" * (number * 37 + part * 4000)}) for part in range(3)]
    sender.send("".join(line + "\\n" for line in lines).encode())
"""


def test_several_processes_add_to_one_file_line_by_line(tmp_path: Path) -> None:
    """Lines of several processes do not mix, however long they are."""
    path = tmp_path / "spans.jsonl"
    code = PREAMBLE + APPENDING
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), str(number)]) for number in range(3)]
    assert [0, 0, 0] == [process.wait(50) for process in running]
    found = [json.loads(line) for line in path.read_bytes().splitlines()]

    assert sorted((str(by), n) for by in range(3) for n in range(600)) == sorted((line["by"], line["n"]) for line in found)


# Standard streams and pipes


def reader_of(path: Path) -> int:
    """A pipe's end for reading."""
    os.mkfifo(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def drained(fd: int) -> bytes:
    read = b""
    while True:
        try:
            piece = os.read(fd, 1 << 20)
        except BlockingIOError:
            return read
        if not piece:
            return read
        read += piece


def test_a_pipe_that_nobody_reads_bounds_the_wait(tmp_path: Path) -> None:
    """The limit bounds the wait for a reader; the rest follows later, each line once, except for one that was begun."""
    reading = reader_of(tmp_path / "pipe")
    sender = ConsoleSender(str(tmp_path / "pipe"))
    sender.limit(0.2)
    lines = [b'{"n":%d,"x":"%s"}\n' % (number, b"x" * (number % 7 * 900)) for number in range(150)]
    begin = time.monotonic()

    assert f"{tmp_path / 'pipe'}: nobody reads what is written there" == refusal(sender, b"".join(lines))
    assert time.monotonic() - begin < 5
    assert sender.max_bytes >= len(b"".join(lines)) > 3 * 65536
    read = b""
    for _ in range(20):
        read += drained(reading)
        try:
            sender.send(b"".join(lines))
        except SendError:
            continue
        break
    read += drained(reading)
    whole = [line for line in read.splitlines(keepends=True) if line in lines]

    assert lines == whole
    os.close(reading)


def test_a_limit_counts_for_a_message_that_waits_already(tmp_path: Path) -> None:
    """A limit also counts for a message that already waits."""
    reading = reader_of(tmp_path / "pipe")
    sender = ConsoleSender(str(tmp_path / "pipe"))
    begin = time.monotonic()
    threading.Timer(0.2, sender.limit, [0.1]).start()

    refusal(sender, ONE * 20_000)
    assert time.monotonic() - begin < 5
    os.close(reading)


def test_lines_longer_than_a_pipe_takes_at_once_are_written_whole(tmp_path: Path) -> None:
    """A line that is longer than PIPE_BUF is written in pieces, and complete."""
    reading = reader_of(tmp_path / "pipe")
    body = b"x" * (PIPE_BUF * 3) + b"\n" + ONE
    ConsoleSender(str(tmp_path / "pipe")).send(body)

    assert body == drained(reading)
    os.close(reading)


AMONG_LOGS = """
import logging, threading
logging.basicConfig(level=logging.INFO, format="log %(message)s")
def write(name):
    for number in range(300):
        logging.info("%s %d", name, number)
threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
sender = ConsoleSender()
for thread in threads: thread.start()
for number in range(300):
    sender.send(b'{"n":%d}\\n' % number * 20)
for thread in threads: thread.join()
"""


def test_lines_of_a_log_on_the_same_stream_stay_lines() -> None:
    """Lines of a log on the same stream stay whole, whoever writes at the same time."""
    lines = in_a_process(AMONG_LOGS).stderr.decode().splitlines()

    spans = [f'{{"n":{number}}}' for number in range(300) for _ in range(20)]
    logged = [f"log {name} {number}" for name in "abc" for number in range(300)]
    assert sorted(spans + logged) == sorted(lines)


def test_a_stream_that_somebody_has_made_non_blocking_is_waited_for() -> None:
    """A stream that another program has made non-blocking is waited for."""
    code = """
import fcntl, threading, time
fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) | os.O_NONBLOCK)
ConsoleSender().send(b"x" * 5000 + b"\\n" + b'{"n":1}\\n' * 40000)
"""
    done = in_a_process(code)

    assert (0, b"x" * 5000, 40001) == (done.returncode, done.stderr.splitlines()[0], len(done.stderr.splitlines()))


@pytest.mark.parametrize(
    "patch",
    [
        "from gevent import monkey; monkey.patch_all()",
        "import opentracing_zipkin.senders.console; from gevent import monkey; monkey.patch_all()",
    ],
)
def test_spans_are_written_where_gevent_has_patched(patch: str) -> None:
    """Spans are written whether gevent patches before or after the import, and greenlets go on."""
    code = f"""
{patch}
import gevent, opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint="console:")
gevent.joinall([gevent.spawn(lambda: tracer.start_span("x").finish()) for _ in range(100)])
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, timeout=50, check=False)

    assert 0 == done.returncode
    assert 100 == len([line for line in done.stderr.splitlines() if json.loads(line)])


@pytest.mark.parametrize(("path", "stream"), [("", "stderr"), ("/dev/stderr", "stderr"), ("/dev/stdout", "stdout")])
def test_a_standard_stream_may_be_a_socket(path: str, stream: str) -> None:
    """A standard stream may be a socket, as under systemd, which cannot be opened by its name."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        in_a_process("ConsoleSender(sys.argv[1]).send(b'one\\n')", path, capture_output=False, **{stream: theirs})

        assert b"one\n" == ours.recv(100)


CLOSED = {
    "the application has closed it": "sys.stderr.close()",
    "its descriptor is closed": "os.close(2)",
    "there was none": "",
}


@pytest.mark.parametrize("closed", CLOSED)
def test_a_closed_stderr_is_told(closed: str, tmp_path: Path) -> None:
    """A closed stderr is an error of the message, and the process goes on."""
    code = CLOSED[closed] + "\ntry:\n    ConsoleSender().send(b'one\\n')\nexcept Exception as error:\n    print(repr(error))"
    without = {"preexec_fn": lambda: os.close(2), "stderr": None} if not CLOSED[closed] else {}
    done = in_a_process(code, capture_output=False, stdout=subprocess.PIPE, **without)

    assert 0 == done.returncode
    assert done.stdout.startswith(b"SendError('stderr: ")


UNREAD = """
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint="console:")
for number in range(3000):
    tracer.start_span("x" * 100).finish()
print("done", flush=True)
"""


def test_a_process_ends_though_nobody_reads_its_stderr() -> None:
    """A process ends in its usual time although nobody reads its stderr, and the pipe has whole lines."""
    reading, writing = os.pipe()
    done = in_a_process(UNREAD, capture_output=False, stdout=subprocess.PIPE, stderr=writing)
    os.close(writing)
    lines = os.read(reading, 1 << 20).splitlines()
    os.close(reading)

    assert (0, b"done\n") == (done.returncode, done.stdout)
    assert 100 < len([line for line in lines if line.startswith(b"{") and json.loads(line)]) < 3000


FULL = """
import signal
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint="console:", exit_stall_timeout=0.2, flush_interval=0.01)
tracer.start_span("x").finish()
tracer.flush(0.1)
if sys.argv[1] == "SIGTERM":
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
"""


def fill(fd: int) -> None:
    """Fill a pipe to the last byte."""
    os.set_blocking(fd, False)
    for size in (100, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(fd, b"x" * size)
    os.set_blocking(fd, True)


def _pipe() -> tuple[int, int]:
    return os.pipe()


def _stopped_terminal() -> tuple[int, int]:
    reading, writing = pty.openpty()
    termios.tcflow(writing, termios.TCOOFF)
    return reading, writing


def _socket() -> tuple[int, int]:
    one, other = socket.socketpair()
    return one.detach(), other.detach()


@pytest.mark.parametrize("make", [_pipe, pty.openpty, _stopped_terminal, _socket])
def test_a_process_ends_though_its_stderr_is_full(make: Callable[[], tuple[int, int]]) -> None:
    """A process with a full stderr ends, because also the line about lost spans waits for no reader."""
    reading, writing = make()
    fill(writing)
    commands = {end: [sys.executable, "-c", PREAMBLE + FULL, end] for end in ("exit", "SIGTERM")}
    running = {end: subprocess.Popen(command, stderr=writing) for end, command in commands.items()}
    found = {}
    for end, process in running.items():
        try:
            found[end] = process.wait(50)
        finally:
            process.kill()
            process.wait()
    os.close(reading)
    os.close(writing)

    assert {"exit": 0, "SIGTERM": -signal.SIGTERM} == found


@pytest.mark.parametrize("disposition", ["SIG_DFL", "SIG_IGN"])
def test_a_reader_that_has_gone_ends_no_process(disposition: str) -> None:
    """A reader that is gone ends no process, even if SIGPIPE has its default action, which is restored."""
    code = f"""
import signal
signal.signal(signal.SIGPIPE, signal.{disposition})
try:
    ConsoleSender("/dev/stdout").send(b"one\\n")
except Exception as error:
    sys.stderr.write(str(error))
assert not signal.pthread_sigmask(signal.SIG_BLOCK, []) and not signal.sigpending()
"""
    reading, writing = os.pipe()
    os.close(reading)
    done = in_a_process(code, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)

    assert (0, b"/dev/stdout: Broken pipe; nobody reads it any more") == (done.returncode, done.stderr)


# Encodings


@pytest.mark.parametrize("encoding", ["thrift", "proto3"])
def test_an_encoding_that_has_no_lines_is_refused(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """An encoding without lines is refused in code, and from the environment with the variable's name."""
    remedy = (
        "cannot be used with an endpoint that begins with console:, because each line there is JSON; use 'json' or 'json_v1'"
    )
    with pytest.raises(ValueError, match=f"^encoding {remedy}$"):
        ZipkinTracer("service", endpoint="console:", encoding=encoding)
    monkeypatch.setenv("ZIPKIN_ENCODING", encoding)
    with pytest.raises(ValueError, match=f"^environment variable ZIPKIN_ENCODING {remedy}$"):
        configure("service", endpoint="console:")


@pytest.mark.parametrize("encoding", ["json", "json_v1"])
def test_a_file_of_lines_is_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str) -> None:
    """`opentracing-zipkin decode` reads the same spans back, one a line, whatever their tags hold."""
    path = tmp_path / "spans.jsonl"
    tracer = ZipkinTracer("service", endpoint=f"console:{path}", encoding=encoding)
    for number in range(50):
        with tracer.start_active_span(f"span {number}", tags={"text": "a\nb\x85\r\0ü", "n": number}):
            pass
    assert True is tracer.flush(5)
    tracer.close(0)

    assert 50 == path.read_bytes().count(b"\n") == len(path.read_bytes().split(b"\n")) - 1
    assert 0 == main(["decode", str(path), "--to", "json"])
    spans = json.loads(capsys.readouterr().out)
    assert [f"span {number}" for number in range(50)] == [span["name"] for span in spans]
    assert {"a\nb\x85\r\0ü"} == {span["tags"]["text"] for span in spans}
