"""A file of rules: what is in it, and where a mistake stands."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer, configure, sampling
from opentracing_zipkin.rules_file import reading
from opentracing_zipkin.rules_file.mistakes import Mistake
from opentracing_zipkin.rules_file.reading import KEYS, MAX_FILE_BYTES, content_of, rules_in
from opentracing_zipkin.sampling import Rule

pytestmark = pytest.mark.usefixtures("no_global_tracer")

GOOD = """
# The first rule that fits decides.
[[rule]]
path = "/health"
rate = 0

[[rule]]
method = ["POST", "PUT"]
path = '/pay/*'
headers = { x-tenant = "gold" }
rate = "always"

[[rule]]
kind = "consumer"
operation = "send *"
service = "shop"
limit = 2.5
[rule.tags]
"job.name" = "*"
"""

RULES = [
    Rule(path="/health", rate=0),
    Rule(method=["POST", "PUT"], path="/pay/*", headers={"x-tenant": "gold"}, rate=1),
    Rule(kind="consumer", operation="send *", service="shop", limit=2.5, tags={"job.name": "*"}),
]

INLINE = 'rule = [\n  { path = "/health", rate = 0 },\n  { path = "/b", rate = 0.5 },\n]\n'


def test_a_table_of_the_file_is_a_rule_with_these_arguments() -> None:
    """Each table becomes a rule, in the file's order, also with a byte order mark and Windows line ends."""
    for text in (GOOD, GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD):
        assert RULES == rules_in(text.encode())
    assert [RULES[0], Rule(path="/b", rate=0.5)] == rules_in(INLINE.encode())


# Beginnings of a file, to put above a mistake: they change the mistake's line, and nothing else.
ABOVE = {
    "nothing": "",
    "comments": "# a\n\n  # rate = 5\n",
    "a rule": '[[rule]]\npath = "/rate"\nrate = 0  # rate = 9\n\n',
    "a text of several lines": '[[rule]]\noperation = """\n[[rule]]\nrate = 9\npth\n"""\nrate = 1\n',
    "a list of several lines": '[[rule]]\nmethod = [\n  "GET",\n  # POST\n  "PUT",\n]\nrate = 1\n',
    "umlauts": '[[rule]]\noperation = "größe ✓ 🙂"\nrate = 1\n',
}

# A file with `^` before its mistake, and the beginning of the message.
MISTAKES: dict[str, tuple[str, str]] = {
    "a share above 1": ('[[rule]]\npath = "/a"\n^rate = 1.5\n', "rate is 1.5; use 0.0 (never) to 1.0"),
    "a share of text": ('[[rule]]\n  ^rate = "often"\n', "rate is 'often'; use 0.0"),
    "no number": ("[[rule]]\n^rate = nan\n", "rate is nan; use 0.0"),
    "nothing to do": ('^[[rule]]\npath = "/a"\n', "rate is missing; give the share"),
    "a misspelt key": ('[[rule]]\n^pth = "/a"\nrate = 1\n', "a rule has no key 'pth'; did you mean 'path'?"),
    "a key in capitals": ('[[rule]]\nrate = 1\n^PATH = "/a"\n', "a rule has no key 'PATH'; did you mean 'path'?"),
    "a quoted key": ('[[rule]]\nrate = 1\n^"pth" = "/a"\n', "a rule has no key 'pth'; did you mean 'path'?"),
    "a strange key": ("[[rule]]\nrate = 1\n^zzz = 1\n", f"a rule has no key 'zzz'; use {', '.join(KEYS)}"),
    "a path without a slash": ('[[rule]]\nrate = 1\n^path = "health"\n', "path is 'health'; a path begins with a slash"),
    "a limit of 0": ("[[rule]]\n^limit = 0\n", "limit is 0; use the greatest number"),
    "a date": ("[[rule]]\n^rate = 2026-11-26\n", "rate is datetime.date(2026, 11, 26); use 0.0"),
    "a header that is no text": ("[[rule]]\nrate = 1\nheaders.^x-a = 3\n", "headers.x-a is 3; use text"),
    "a header in a table of its own": ('[[rule]]\nrate = 1\n[rule.headers]\na = "b"\n^x-a = 3\n', "headers.x-a is 3; use text"),
    "a header within a line": ('[[rule]]\nrate = 1\nheaders = { a = "b", ^x-a = 3 }\n', "headers.x-a is 3; use text"),
    "an unknown kind": ('[[rule]]\nrate = 1\n^kind = "servr"\n', "kind is 'servr'; use one of server"),
    "a list of several lines": ('[[rule]]\nrate = 1\n^method = [\n"GET",\n3,\n]\n', "method is ['GET', 3]; use a word"),
    "no TOML": ("[[rule]]\nrate ^1\n", "this is no TOML: "),
    "a text without an end": ('[[rule]]\npath = "/a^\n', "this is no TOML: "),
    "a key twice": ("[[rule]]\nrate = 1\nrate = 2^\n", "this is no TOML: "),
    "half written": ('[[rule]]\npath = "/a"\nrate =^', "this is no TOML: "),
    "a table without an end": ('[[rule]]\npath = "/a"\nrate = 1\n[[rul^', "this is no TOML: "),
}

# Mistakes of the whole document, which have no beginning above them.
ALONE: dict[str, tuple[str, str]] = {
    "a misspelt table": ("[[^rules]]\nrate = 1\n", "there is no key 'rules'; did you mean 'rule'?"),
    "another table": ("[[rule]]\nrate = 1\n[^tool]\na = 1\n", "there is no key 'tool'; rules are tables, [[rule]]"),
    "one bracket": ("[^rule]\nrate = 1\n", "rule is no list of tables; write [[rule]], with two brackets"),
    "no table": ("^rule = 1\n", "rule is no list of tables"),
    "the second of a line": ('rule = [{ path = "/a", rate = 1 }, { path = "/b", ^rate = 3 }]\n', "rate is 3; use 0.0"),
}  # fmt: skip


def place(marked: str) -> tuple[int, int]:
    before = marked.partition("^")[0].split("\n")
    return len(before), len(before[-1]) + 1


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
@pytest.mark.parametrize(("marked", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_line_and_column(marked: str, told: str, above: str) -> None:
    """A mistake is reported with line and column, wherever it stands and however keys are written."""
    marked = above + marked
    with pytest.raises(Mistake) as caught:
        rules_in(marked.replace("^", "").encode())

    assert str(caught.value).startswith(told)
    assert place(marked) == (caught.value.line, caught.value.column)


@pytest.mark.parametrize(("marked", "told"), ALONE.values(), ids=ALONE)
def test_a_mistake_in_the_document_is_told_with_line_and_column(marked: str, told: str) -> None:
    """A mistake in the document is reported with line and column, like one in a rule."""
    with pytest.raises(Mistake) as caught:
        rules_in(marked.replace("^", "").encode())

    assert str(caught.value).startswith(told)
    assert place(marked) == (caught.value.line, caught.value.column)


WHOLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "has no rule; write [[rule]]"),
    "comments only": (b"# [[rule]]\n", "has no rule; write [[rule]]"),
    "an empty list": (b"rule = []", "has no rule; write [[rule]]"),
    "nested without end": (b"a = " + b"[" * 30_000, "is nested too deeply"),
    "a number without end": (b"[[rule]]\nrate = " + b"9" * 5000, "is no TOML: "),
    "too many": (b"[[rule]]\nrate=1\n" * 1001, "has 1001 rules; use 1000 at most"),
}


@pytest.mark.parametrize(("content", "told"), WHOLE.values(), ids=WHOLE)
def test_a_file_that_is_wrong_as_a_whole_has_no_place(content: bytes, told: str) -> None:
    """A mistake of the whole file has no line, and does not crash the reader."""
    with pytest.raises(Mistake) as caught:
        rules_in(content)

    assert str(caught.value).startswith(told)
    assert (0, "") == (caught.value.line, caught.value.place)


def test_bytes_that_are_no_text_are_told_with_their_place() -> None:
    """Bytes that are not UTF-8 are reported with line and column."""
    with pytest.raises(Mistake, match=r"^this is no UTF-8$") as caught:
        rules_in("[[rule]]\nrate = 1 # é".encode() + b"\xff\n")

    assert (2, 13) == (caught.value.line, caught.value.column)


def test_any_beginning_of_a_file_is_read_or_is_a_mistake_with_a_place() -> None:
    """Any beginning of a file, as while it is being written, is read or is a mistake with a place."""
    content = GOOD.encode()
    for end in range(len(content)):
        mistake = None
        found = []
        try:
            found = rules_in(content[:end])
        except Mistake as error:
            mistake = error

        assert 0 < len(found) <= 3 if mistake is None else mistake.line or str(mistake).startswith("has no rule")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe without a writer and a file that is too large are mistakes."""
    pipe, large, file = tmp_path / "pipe", tmp_path / "large", tmp_path / "file"
    os.mkfifo(pipe)
    large.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    file.write_bytes(b"#" * MAX_FILE_BYTES)
    told = {}
    for name, path in {"away": tmp_path / "away", "folder": tmp_path, "pipe": pipe, "large": large}.items():
        with pytest.raises(Mistake) as caught:
            content_of(str(path))
        told[name] = str(caught.value)

    assert {
        "away": "cannot be read: No such file or directory",
        "folder": "cannot be read: Is a directory",
        "pipe": "is no regular file; use a file of TOML",
        "large": f"is larger than {MAX_FILE_BYTES} bytes",
    } == told
    assert MAX_FILE_BYTES == len(content_of(str(file)))


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is reported in the system's words (root may read every file)."""

    def forbid(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(reading, "os", SimpleNamespace(open=forbid, O_RDONLY=0))
    with pytest.raises(Mistake, match=r"^cannot be read: Permission denied$"):
        content_of(str(tmp_path / "rules.toml"))


# As a setting


def test_a_mistake_at_the_start_raises_with_line_and_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake at the start raises with line and column, from code and from the environment, with the variable's name."""
    file = tmp_path / "rules.toml"
    file.write_text("[[rule]]\nrate = 1.5\n")
    told = f"is '{file}', line 2, column 1: rate is 1.5; use 0.0 (never) to 1.0 (always), for instance 0.01 for 1 %"
    with pytest.raises(ValueError) as of_code:  # noqa: PT011
        ZipkinTracer("shop", sampling_rules=file)
    monkeypatch.setenv("ZIPKIN_SAMPLING_RULES", str(file))
    with pytest.raises(ValueError) as of_environment:  # noqa: PT011
        configure("shop")

    assert f"sampling_rules {told}" == str(of_code.value)
    assert f"environment variable ZIPKIN_SAMPLING_RULES {told}" == str(of_environment.value)
    assert of_environment.value.__suppress_context__


def test_the_share_is_for_what_no_rule_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share from the environment is for roots that no rule of the file fits."""
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\npath = "/a"\nrate = 1\n')
    monkeypatch.setenv("ZIPKIN_SAMPLING_RULES", str(file))
    monkeypatch.setenv("ZIPKIN_SAMPLE_RATE", "0")
    tracer = configure("shop")

    assert [True, False] == [tracer.start_trace("x", {"http.path": path}).context.sampled for path in ("/a", "/b")]


@pytest.mark.parametrize("value", [b"x", 5, "", ["a"], True])
def test_what_is_no_path_is_refused(value: Any) -> None:
    """A value that is no path is refused with the remedy."""
    with pytest.raises(ValueError, match=r"^sampling_rules is .*; use the path of a TOML file$"):
        ZipkinTracer("shop", sampling_rules=value)


def test_a_sampler_and_a_file_exclude_each_other(tmp_path: Path) -> None:
    """A sampler and a file of rules cannot both be given, because only one of them can decide."""
    with pytest.raises(ValueError, match=r"^sampler excludes sampling_rules"):
        ZipkinTracer("shop", sampling_rules=tmp_path, sampler=sampling.always)


def test_a_python_that_reads_no_toml_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Python 3.10 without tomli the error says what to install."""
    monkeypatch.setattr(reading, "sys", SimpleNamespace(version_info=(3, 10)))
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(ValueError, match=r"^sampling_rules is .*; Python 3.10 reads TOML with tomli; .* pip install tomli"):
        ZipkinTracer("shop", sampling_rules=tmp_path / "rules.toml")
