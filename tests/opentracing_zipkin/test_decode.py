"""`opentracing-zipkin decode`."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin.__main__ import main
from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.conversion.writing import message
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .codec.readers import reader_named

SPANS = [
    FinishedSpan(
        "a" * 16, "2" * 16, "1" * 16, "CLIENT", "get /stock", 1_700_000_000_010_000, 50_000, Endpoint("shop"),
        tags={"error": "out of stock", "note": "\x9b31m\x7f\u202e"},
    ),
    FinishedSpan("a" * 16, "1" * 16, None, "SERVER", "get /", 1_700_000_000_000_000, 100_000, Endpoint("shop")),
    FinishedSpan("b" * 16, "b" * 16, None, None, "tick", 1_700_000_001_000_000, 0, Endpoint("clock")),
]  # fmt: skip

TREE = """\
trace aaaaaaaaaaaaaaaa  2023-11-14 22:13:20.000Z, 100.0 ms, 2 spans, 1 service, 1 error
shop  get /         server    ██████████████████████████████████████████████████████████  100.0 ms
shop  └─get /stock  client         █████████████████████████████                           50.0 ms ✗
          out of stock

trace bbbbbbbbbbbbbbbb  2023-11-14 22:13:21.000Z, 0.0 ms, 1 span, 1 service
clock  tick  local     █                                                                      -
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spans.bin"
    path.write_bytes(message(SPANS, "thrift"))
    return path


def test_a_file_is_drawn_as_trees(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each trace is a tree, in plain text if the output is no terminal."""
    assert 0 == main(["decode", str(file), "--to", "tree"])
    printed = capsys.readouterr()

    assert ([line.rstrip() for line in TREE.splitlines()], "") == (
        [line.rstrip() for line in printed.out.splitlines()],
        printed.err,
    )


def test_lines_are_what_a_program_gets(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the output is no terminal, each span is a line of JSON of version 2 by default."""
    assert 0 == main(["decode", str(file)])
    lines = capsys.readouterr().out.splitlines()

    assert SPANS == [span for line in lines for span in reader_named("json")(b"[" + line.encode() + b"]")]


@pytest.mark.parametrize("spans", [SPANS, SPANS[:1], []])
def test_pretty_is_a_list_of_json(spans: list[FinishedSpan], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The list is indented, also if it is empty."""
    path = tmp_path / "spans.json"
    path.write_bytes(message(spans, "json"))
    assert 0 == main(["decode", str(path), "--to", "pretty"])
    printed = capsys.readouterr().out

    assert spans == reader_named("json")(printed.encode())
    assert json.dumps(json.loads(printed), indent=2, ensure_ascii=False) + "\n" == printed


@pytest.mark.parametrize("form", ["lines", "tree"])
def test_no_spans_are_said(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list without spans is reported on standard error, with status 0, because it is no error."""
    path = tmp_path / "spans.json"
    path.write_bytes(b"[]")
    assert 0 == main(["decode", str(path), "--to", form])

    assert ("", f"opentracing-zipkin decode: {path}: it contains no spans\n") == capsys.readouterr()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_encoding_is_written(encoding: str, file: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Any encoding is written to a file or a pipe; another process reads it from standard input."""
    output = tmp_path / "out"
    assert 0 == main(["decode", str(file), "--to", encoding, "--output", str(output)])
    assert message(SPANS, encoding) == output.read_bytes()

    command = [sys.executable, "-m", "opentracing_zipkin", "decode", "-", "--to", encoding]
    done = subprocess.run(command, input=file.read_bytes(), capture_output=True, timeout=30, check=False)
    assert (0, message(SPANS, encoding), b"") == (done.returncode, done.stdout, done.stderr)


def on_terminal(arguments: list[str], columns: int = 90, **environment: str) -> str:
    """The output on a terminal of this width."""
    ours, theirs = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "opentracing_zipkin", "decode", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
        env={**variables, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", "COLUMNS": str(columns), **environment},
    )  # fmt: skip
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    process.wait(30)
    return written.decode().replace("\r\n", "\n")


def test_a_terminal_gets_a_coloured_tree_of_its_width(file: Path) -> None:
    """A terminal gets a coloured tree by default; NO_COLOR leaves the colours out."""
    shown = on_terminal([str(file)], 133)
    plain = on_terminal([str(file)], 70, NO_COLOR="1")

    assert "\033[31m" in shown
    assert "\033" not in plain
    assert 70 == max(len(line.rstrip()) for line in plain.splitlines()[1:4])
    assert shown.startswith("\033[1mtrace aaaaaaaaaaaaaaaa\033[0m  2023-11-14")


@pytest.mark.parametrize("form", ["lines", "pretty", "tree", "json"])
def test_nothing_in_a_span_steers_the_terminal(form: str, file: Path) -> None:
    """Control characters are escaped or replaced, and escaped JSON has the same meaning."""
    if form == "json":
        form = "lines"
    shown = on_terminal([str(file), "--to", form], NO_COLOR="1")

    assert all(line.isprintable() for line in shown.splitlines())
    if form == "lines":
        assert SPANS[0].tags["note"] == json.loads(shown.splitlines()[0])["tags"]["note"]


@pytest.mark.parametrize("encoding", ["thrift", "proto3"])
def test_a_binary_message_is_not_written_to_a_terminal(encoding: str, file: Path) -> None:
    """The refusal to write a binary message to a terminal names the remedy."""
    shown = on_terminal([str(file), "--to", encoding])

    assert f"opentracing-zipkin decode: {encoding} is binary and not for a terminal; give --output FILE\n" == shown


def test_what_is_wrong_is_one_line_and_status_1(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error is one line with status 1, and the spans before it are shown."""
    cut = tmp_path / "cut"
    cut.write_bytes(file.read_bytes()[:-1])
    for arguments, lines, words in (
        ([str(cut)], 2, f"{cut}: byte {file.stat().st_size - 1}: span 2: truncated: "),
        ([str(cut), "--to", "tree"], 4, f"{cut}: byte {file.stat().st_size - 1}: span 2: truncated: "),
        ([str(cut), "--to", "json"], 0, f"{cut}: byte {file.stat().st_size - 1}: span 2: truncated: "),
        ([str(tmp_path / "none")], 0, f"{tmp_path / 'none'}: No such file or directory"),
        ([str(tmp_path)], 0, f"{tmp_path}: Is a directory"),
        ([str(file), "--to", "json", "--output", str(tmp_path / "x" / "y")], 0, f"{tmp_path / 'x' / 'y'}: No such file"),
        ([str(file), "--max-bytes", "10"], 0, f"{file}: it is longer than 10 bytes; give --max-bytes a greater number"),
    ):
        assert 1 == main(["decode", *arguments])
        printed = capsys.readouterr()
        assert printed.err.startswith(f"opentracing-zipkin decode: {words}"), printed.err
        assert (lines, 1) == (len(printed.out.splitlines()), len(printed.err.splitlines()))


@pytest.mark.parametrize("form", ["lines", "json", "proto3"])
def test_a_file_of_lines_is_read_past_a_line_that_is_wrong(
    form: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """All spans of the other lines are written; the error and status 1 come behind them."""
    lines = [encoder_named("json").encode(span) for span in SPANS]
    file = tmp_path / "spans.jsonl"
    file.write_bytes(lines[0] + b"\n" + lines[1][:50] + b"\n" + b"\n".join(lines[1:]) + b"\n")

    assert 1 == main(["decode", str(file), "--to", form])
    printed = capfdbinary.readouterr()
    assert printed.err.startswith(f"opentracing-zipkin decode: {file}: byte ".encode())
    assert 1 == printed.err.count(b"\n")
    whole = tmp_path / "whole.jsonl"
    whole.write_bytes(b"\n".join(lines))
    assert 0 == main(["decode", str(whole), "--to", form])
    assert capfdbinary.readouterr().out == printed.out


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("WARNING only one left\n{0}\n{1}\n", "byte 0: line 1 is not a span: 'WARNING only one left'; 2 of 3 lines"),
        ("\nINFO up\n{0}", "byte 1: line 2 is not a span: 'INFO up'; 1 of 3 lines"),
        ("[2026-11-27] [1] [INFO] Starting\n{0}\n", "byte 0: line 1 is not a span: '[2026-11-27] [1] [INFO] Starting'; 1 of 2 lines"),
        ('{0}\n{{"level": "info"}}\n{1}\n', "line 2 is not a span: '{\"level\": \"info\"}'; 2 of 3 lines"),
    ],
    ids=["words", "an empty line", "brackets", "JSON"],
)  # fmt: skip
def test_lines_of_a_log_between_the_spans_are_told_with_the_remedy(
    text: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error shows the first line of the log, and the command that keeps the spans, after which the file is read."""
    lines = [encoder_named("json").encode(span).decode() for span in SPANS]
    file = tmp_path / "app.log"
    file.write_text(text.format(*lines))
    assert 1 == main(["decode", str(file)])
    told = capsys.readouterr().err

    assert error in told
    assert told.endswith(""" begin with {"traceId": keep only these lines, with grep '^{"traceId"'\n""")
    kept = subprocess.run(["grep", '^{"traceId"', str(file)], capture_output=True, check=True).stdout
    file.write_bytes(kept)
    assert 0 == main(["decode", str(file), "--to", "lines"])
    assert kept.decode() == capsys.readouterr().out


def test_a_list_that_is_cut_is_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error of a list without its end tells that the list is wrong, also if each span is on a line of its own."""
    file = tmp_path / "spans.json"
    file.write_text("[\n" + ",\n".join(encoder_named("json").encode(span).decode() for span in SPANS) + "\n")

    assert 1 == main(["decode", str(file)])
    assert "malformed JSON: a comma or the end of the list is expected" in capsys.readouterr().err


def test_a_limit_that_is_none_is_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit of 0 gives status 2, as other wrong options do."""
    assert 2 == main(["decode", str(file), "--max-bytes", "0"])
    assert "--max-bytes is 0; give a number of bytes from 1" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_fault(tmp_path: Path) -> None:
    """`decode | head` ends without a traceback."""
    path = tmp_path / "many"
    path.write_bytes(message(SPANS * 5_000, "json"))
    command = '"$0" -m opentracing_zipkin decode "$1" | head -n 1'
    done = subprocess.run(["sh", "-c", command, sys.executable, path], capture_output=True, text=True, timeout=30, check=False)

    assert (1, "") == (len(done.stdout.splitlines()), done.stderr)


def test_text_that_the_encoding_lacks_becomes_a_question_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A character that an old locale lacks becomes a question mark."""
    path = tmp_path / "spans"
    path.write_bytes(message([FinishedSpan("1" * 16, "1" * 16, name="größe", local=Endpoint("日本"))], "proto3"))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)

    assert 0 == main(["decode", str(path), "--to", "tree"])
    assert b"gr??e" in stream.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["lines", "pretty", "tree", *ENCODINGS])
def test_the_file_that_is_read_is_never_written(
    form: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The read file keeps its content, by whatever path the output names it."""
    before = file.read_bytes()
    link, other = tmp_path / "link", tmp_path / "other"
    link.symlink_to(file)
    other.hardlink_to(file)
    for output in (file, link, other, tmp_path / "." / file.name):
        assert 2 == main(["decode", str(file), "--to", form, "--output", str(output)])
        assert f"--output {output} is the input file; give another file" in capsys.readouterr().err
    command = f'"$0" -m opentracing_zipkin decode - --to {form} --output "$1" < "$1"'
    done = subprocess.run(["sh", "-c", command, sys.executable, file], capture_output=True, text=True, timeout=30, check=False)

    assert (2, True) == (done.returncode, f"--output {file} is the input file; give another file" in done.stderr)
    assert before == file.read_bytes()


@pytest.mark.parametrize("form", ["lines", "tree", "proto3"])
@pytest.mark.parametrize(
    ("arguments", "named"), [("> /dev/full", "standard output"), ("--output /dev/full", "/dev/full")], ids=["stdout", "output"]
)
def test_a_full_disk_is_named_by_what_is_written(form: str, arguments: str, named: str, file: Path) -> None:
    """The one line for a full disk names the output, and not the input."""
    command = f'"$0" -m opentracing_zipkin decode "$1" --to {form} {arguments}'
    done = subprocess.run(["sh", "-c", command, sys.executable, file], capture_output=True, text=True, timeout=30, check=False)

    assert (1, f"opentracing-zipkin decode: {named}: No space left on device\n") == (done.returncode, done.stderr)
