"""The spans of a test, compared with an outline: a text that shows parents and children.

An outline has one line for each span; children stand further right.  Columns have two blanks or more between them:

    shop: get /checkout  SERVER
      shop: post /charge  CLIENT  -> payment  http.status_code=402  error
        payment: post /charge  SERVER
      ...

First comes the name, with or without its service before it.  Then follow, in any order and only where they matter: the kind
(LOCAL for none), `-> remote service`, tags as `key=value`, or `key` alone for any value.  `...` stands for any further spans at
its place.  Lines of one level may stand in any order, because spans that run at the same time do not begin in a fixed one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..drawing.trees import Node, roots_of, service_of, traces_of, walk
from ..model import FinishedSpan
from ..text import printable
from .spans import KINDS, MAX_LINE, described, kind_of

__all__ = ["compare"]

MAX_LINES = 100
_BLANKS = "columns have two blanks between them"
_BRANCHES = str.maketrans("│├└─┌", "     ")
_COLUMN_IN_NAME = re.compile(r" (?P<column>->.+|[^\s=]+=.*)$")
_KIND_AFTER_NAME = re.compile(rf" (?P<kind>{'|'.join(KINDS)}|LOCAL)$")


class Line(NamedTuple):
    """A span as an outline describes it; None means that the outline does not tell."""

    name: str
    kind: str | None
    remote: str | None
    tags: dict[str, str | None]  # None: any value

    def is_name_of(self, span: FinishedSpan) -> bool:
        return self.name.lower() in (span.name, f"{service_of(span)}: {span.name}".lower())

    def is_true_of(self, span: FinishedSpan) -> bool:
        """Whether the span agrees with everything in the line."""
        return (
            self.is_name_of(span)
            and self.kind in (None, span.kind or "")
            and self.remote in (None, _remote(span))
            and all(key in span.tags and value in (None, span.tags[key]) for key, value in self.tags.items())
        )

    def columns_of(self, span: FinishedSpan) -> str:
        """The columns of this line, with the values of a recorded span."""
        tags = [f"{key}={span.tags[key]}" for key in self.tags if key in span.tags]
        return _joined(
            self.name, self.kind is not None and (span.kind or "LOCAL"), self.remote and _arrow(_remote(span)), *tags
        )

    def __str__(self) -> str:
        tags = [key if value is None else f"{key}={value}" for key, value in self.tags.items()]
        return _joined(self.name, self.kind is not None and (self.kind or "LOCAL"), self.remote and _arrow(self.remote), *tags)


def _joined(*columns: str | bool | None) -> str:
    return printable("  ".join(str(column) for column in columns if column), MAX_LINE)


def _arrow(name: str) -> str:
    return f"-> {name}" if name else ""


def _remote(span: FinishedSpan) -> str:
    return "" if span.remote is None else span.remote.service_name


class Branch:
    """A line of an outline and the lines below it; `is_open`: there may be more spans."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.children: list[Branch] = []
        self.is_open = False


def compare(outline: str, spans: Sequence[FinishedSpan]) -> str:
    """The differences of spans and outline, line by line; "" where there are none.  Raises ValueError for a wrong outline."""
    expected = _read(outline)
    roots = [root for trace in traces_of(spans) for root in roots_of(trace)]
    matching = _Matching()
    if matching.is_whole_match(expected, roots):
        return ""
    lines = list(matching.diff(expected, roots, 0))
    more = [f"  and {len(lines) - MAX_LINES} more lines"] * (len(lines) > MAX_LINES)
    return "\n".join([*lines[:MAX_LINES], *more, *_hint(expected, spans)])


def _hint(top: Branch, spans: Sequence[FinishedSpan]) -> list[str]:
    """A hint for the first line where one blank in place of two made a column a part of the name."""
    waiting = [top]
    while waiting:
        branch = waiting.pop()
        waiting += reversed(branch.children)
        glued = _COLUMN_IN_NAME.search(branch.line.name)
        if glued and not any(branch.line.is_name_of(span) for span in spans):
            return [f"{printable(repr(glued['column']), MAX_LINE)} is read as a part of the name: {_BLANKS}"]
    return []


def _read(outline: str) -> Branch:
    """A branch that contains the branches of the outline."""
    top = Branch(Line("", None, None, {}))
    path: list[tuple[int, Branch]] = []  # the line before and those above it, each with its indentation
    for number, written in enumerate(outline.expandtabs().translate(_BRANCHES).splitlines(), 1):
        text = written.strip()
        if not text:
            continue
        indent = len(written) - len(written.lstrip())
        left = [level for level, _ in path if level >= indent]
        path = [(level, branch) for level, branch in path if level < indent]
        if left and left[0] != indent:
            raise ValueError(f"line {number} of the outline: the indentation of {text!r} fits no line above it; check it")
        parent = path[-1][1] if path else top
        if text == "...":
            parent.is_open = True
            continue
        branch = Branch(_line(text, number))
        parent.children.append(branch)
        path.append((indent, branch))
    return top


def _line(text: str, number: int) -> Line:
    name, *columns = re.split(r" {2,}", text)
    kind: str | None = None
    after = _KIND_AFTER_NAME.search(name)  # a name has no capitals, so one blank before the kind is enough
    if after is not None:
        name, kind = name[: after.start()], kind_of(after["kind"])
    remote, tags = None, {}
    for column in columns:
        key, equals, value = column.partition("=")
        if column.upper() in (*KINDS, "LOCAL"):
            kind = kind_of(column)
        elif column.startswith("->"):
            remote = column[2:].strip().lower()
        elif " " in key:
            raise ValueError(f"line {number} of the outline: {column!r} is no kind, '-> service' or tag 'key=value'; {_BLANKS}")
        else:
            tags[key] = value if equals else None
    return Line(name, kind, remote, tags)


class _Matching:
    """Finds the span for each line; remembers the results of comparisons."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bool] = {}

    def is_match(self, branch: Branch, node: Node) -> bool:
        key = id(branch), id(node)
        if key not in self._known:
            self._known[key] = branch.line.is_true_of(node.span) and self.is_whole_match(branch, node.children)
        return self._known[key]

    def is_whole_match(self, parent: Branch, nodes: Sequence[Node]) -> bool:
        pairs = self._pairs(parent.children, nodes)
        return len(pairs) == len(parent.children) and (parent.is_open or len(pairs) == len(nodes))

    def _pairs(self, branches: Sequence[Branch], nodes: Sequence[Node]) -> dict[int, int]:
        """As many pairs as possible: the index of a node to that of its branch.  Kuhn's algorithm for bipartite graphs."""
        taken: dict[int, int] = {}

        def find(index: int, tried: set[int]) -> bool:
            for number, node in enumerate(nodes):
                if number not in tried and self.is_match(branches[index], node):
                    tried.add(number)
                    if number not in taken or find(taken[number], tried):
                        taken[number] = index
                        return True
            return False

        for index in range(len(branches)):
            find(index, set())
        return taken

    def diff(self, parent: Branch, nodes: Sequence[Node], level: int) -> Iterator[str]:
        """Lines that begin with a blank where both agree, with - for an expected line, with + for a recorded one."""
        exact = {index: number for number, index in self._pairs(parent.children, nodes).items()}
        free = [number for number in range(len(nodes)) if number not in exact.values()]
        pairs = dict(exact)
        for is_match in (Line.is_true_of, Line.is_name_of):
            for index, branch in enumerate(parent.children):
                number = next((number for number in free if is_match(branch.line, nodes[number].span)), None)
                if index not in pairs and number is not None:
                    pairs[index] = number
                    free.remove(number)
        for index, branch in enumerate(parent.children):
            if index in exact:
                yield from _written(" ", branch, level)
            elif index in pairs:
                yield from self._diff_pair(branch, nodes[pairs[index]], level)
            else:
                yield from _written("-", branch, level)
        if parent.is_open:
            yield f"  {'  ' * level}..."
        else:
            for number in free:
                for node, ancestry in walk([nodes[number]]):
                    yield f"+ {'  ' * (level + len(ancestry) - 1)}{described(node.span)}"

    def _diff_pair(self, branch: Branch, node: Node, level: int) -> Iterator[str]:
        indent = "  " * level
        if branch.line.is_true_of(node.span):
            yield f"  {indent}{branch.line}"
        else:
            yield f"- {indent}{branch.line}"
            yield f"+ {indent}{branch.line.columns_of(node.span)}"
        yield from self.diff(branch, node.children, level + 1)


def _written(sign: str, branch: Branch, level: int) -> Iterator[str]:
    yield f"{sign} {'  ' * level}{branch.line}"
    for child in branch.children:
        yield from _written(sign, child, level + 1)
    if branch.is_open:
        yield f"{sign} {'  ' * (level + 1)}..."
