"""`opentracing-zipkin decode FILE`: shows the spans in a file, or writes them in another encoding."""

from __future__ import annotations

import os
import stat
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from contextlib import nullcontext
from typing import TYPE_CHECKING, BinaryIO

from ..codec import ENCODINGS
from . import fail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from ..model import FinishedSpan

__all__ = ["add_arguments", "run"]

FORMS = ("lines", "pretty", "tree")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the file, and the form and place of the output."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = (
        "JSON of version 2 and 1, Thrift and proto3 are recognised by their first bytes,\n"
        "and may be compressed with gzip.  JSON may also be a list of traces, as the\n"
        "query API gives it, or one span on each line.\n\n"
        "  opentracing-zipkin decode spans.bin\n"
        "  curl -s http://127.0.0.1:9411/api/v2/traces | opentracing-zipkin decode -\n"
        "  opentracing-zipkin decode spans.bin --to json --output spans.json\n"
    )
    parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
    parser.add_argument(
        "--to",
        metavar="FORM",
        choices=(*FORMS, *ENCODINGS),
        help="the form of the output: lines of JSON (lines), indented JSON (pretty), a tree (tree), or an encoding "
        f"({', '.join(ENCODINGS)}) "
        "(default: tree on a terminal, lines elsewhere)",
    )
    parser.add_argument("--output", metavar="FILE", help="the file to write to (default: standard output)")
    parser.add_argument(
        "--max-bytes",
        metavar="N",
        type=int,
        help="limit of the file's bytes, also after decompression (default: 268435456, which is 256 MiB)",
    )


def run(options: Namespace) -> int:
    """Decode; returns 0 if all was read, 1 if the file is wrong, 2 for wrong options."""
    from ..conversion.reading import MAX_FILE_BYTES, Unreadable, spans_in
    from ..conversion.writing import BINARY

    is_terminal = options.output is None and sys.stdout.isatty()
    form = options.to or ("tree" if is_terminal else "lines")
    if form in BINARY and is_terminal:
        return fail("decode", f"{form} is binary and not for a terminal; give --output FILE", 2)
    if options.max_bytes is not None and options.max_bytes < 1:
        return fail("decode", f"--max-bytes is {options.max_bytes}; give a number of bytes from 1", 2)
    name = "standard input" if options.file == "-" else options.file
    if _is_same(options.file, options.output):
        return fail("decode", f"--output {options.output} is the input file; give another file", 2)

    def spans(stream: BinaryIO) -> Iterator[FinishedSpan]:
        try:
            yield from spans_in(stream, options.max_bytes or MAX_FILE_BYTES)
        except Unreadable as error:
            if not error.is_rest_read:
                raise
            passed.append(error)

    passed: list[Unreadable] = []  # reported after the spans of the other lines are written
    try:
        with _source(options.file) as stream:
            _write(_warn_if_none(spans(stream), name), form, options.output, is_terminal)
        for error in passed:
            raise error
    except Unreadable as error:
        return fail("decode", f"{name}: {error}", 1)
    except BrokenPipeError:
        raise  # handled in `__main__`
    except OSError as error:
        # Only an error of opening has a file name.  Reading raises no OSError here, so without a name the error is one of the
        # output.
        return fail("decode", f"{error.filename or options.output or 'standard output'}: {error.strerror or error}", 1)
    return 0


def _warn_if_none(spans: Iterator[FinishedSpan], name: str) -> Iterator[FinishedSpan]:
    """The same spans; prints a line if there are none, because otherwise nothing would be printed."""
    is_empty = True
    for span in spans:
        is_empty = False
        yield span
    if is_empty:
        fail("decode", f"{name}: it contains no spans", 0)


def _is_same(file: str, output: str | None) -> bool:
    """Whether writing would destroy the file that is read; a device or a pipe cannot be destroyed."""
    try:
        read = os.fstat(sys.stdin.fileno()) if file == "-" else os.stat(file)
        return output is not None and stat.S_ISREG(read.st_mode) and os.path.samestat(read, os.stat(output))
    except (OSError, ValueError):  # one of them does not exist, or is no file
        return False


def _source(file: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb")


def _write(spans: Iterator[FinishedSpan], form: str, output: str | None, is_terminal: bool) -> None:
    from ..conversion.writing import message, text_lines
    from ..drawing.waterfall import Style, style_of

    if form not in FORMS:
        body = message(spans, form)
        if output is None:
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()
        else:
            with open(output, "wb") as file:
                file.write(body)
        return
    with nullcontext(sys.stdout) if output is None else open(output, "w", encoding="utf-8") as stream:
        style = style_of(stream) if output is None else Style()
        encoding = stream.encoding or "ascii"
        for line in text_lines(spans, form, style, is_terminal):
            stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()
