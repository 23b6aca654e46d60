"""The index for the search of the stores: segments of traces in the order of arrival; the oldest segments are dropped whole.

Rules: this file knows spans and numbers, but not where spans are kept.  Traces are dropped in the order of arrival.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

from ...model import FinishedSpan
from ..query import TraceQuery, Window
from .segment import MAX_SEGMENT_TRACES, REMOTE_NAMES, SPAN_NAMES, TAG_VALUES, Segment, Term, numbers_in

__all__ = ["MAX_SEGMENT_BYTES", "Index"]

MAX_SEGMENT_BYTES = 4 * 1024 * 1024


class Index:
    """The traces from number `first` up to, but not including, `end`; not thread-safe.  `size` estimates its bytes of memory.

    `hash_of` gives a term's hash of at least 62 good bits, always the same one.  `listed_tags` are the keys whose values are
    listed.  A segment of more than `segment_bytes` takes no more traces, so it can be dropped soon after its traces.
    """

    def __init__(
        self,
        hash_of: Callable[[Term], int],
        listed_tags: frozenset[str] = frozenset(),
        segment_bytes: int = MAX_SEGMENT_BYTES,
        first: int = 1,
    ) -> None:
        self._hash = hash_of
        self._listed_tags = listed_tags
        self._segment_bytes = segment_bytes
        self.first = self.end = first
        self.size = 0
        self._segments: list[Segment] = []
        self._firsts: list[int] = []

    def open_trace(self) -> int:
        """Add a trace; returns its number, which is the next one."""
        number = self.end
        last = self._segments[-1] if self._segments else None
        if last is None or len(last.begins) == MAX_SEGMENT_TRACES or last.size > self._segment_bytes:
            last = Segment(self._hash, number)
            self.append_segment(last)
        before = last.size
        last.open_trace()
        self.size += last.size - before
        self.end += 1
        return number

    def append_segment(self, segment: Segment) -> None:
        """Add a segment that follows all others; raises ValueError if it does not."""
        if self._segments and segment.first != self._segments[-1].end:
            raise ValueError(f"a segment of an index begins at {segment.first}, not at {self._segments[-1].end}")
        self._segments.append(segment)
        self._firsts.append(segment.first)
        self.size += segment.size
        self.end = max(self.end, segment.end)

    def segment_start(self, trace: int) -> int:
        """The first number of the segment that contains a trace."""
        return self.segment_of(trace).first if trace < self.end else self.end

    def segment_of(self, trace: int) -> Segment:
        """The segment that contains a trace."""
        return self._segments[bisect_right(self._firsts, trace) - 1]

    def add(self, trace: int, span: FinishedSpan) -> Segment:
        """Index a span; returns its segment."""
        segment = self.segment_of(trace)
        before = segment.size
        segment.add(trace - segment.first, span, self._listed_tags)
        self.size += segment.size - before
        return segment

    def drop_before(self, trace: int) -> None:
        """Forget the traces with lower numbers."""
        self.first = max(self.first, trace)
        while self._segments and self._segments[0].end <= self.first:
            self.size -= self._segments.pop(0).size
            del self._firsts[0]

    def _alive(self) -> Iterator[tuple[Segment, int]]:
        """Each segment, with the first number in it that is still kept."""
        for segment in self._segments:
            yield segment, max(0, self.first - segment.first)

    def find(self, query: TraceQuery) -> list[int]:
        """The matching traces, the latest first; of traces that began at the same time, the one that arrived first."""
        found: list[tuple[int, int]] = []  # (minus the begin, number)
        low, high = max(query.window.begin_us, 1), query.window.end_us
        for segment, first in sorted(self._alive(), key=_latest_first):
            if len(found) == query.limit:
                low = max(low, -found[-1][0])
            if segment.latest_us < low or segment.earliest_us > high:
                continue
            matching = segment.matching(query, (1 << len(segment.begins)) - (1 << first))
            begins = segment.begins
            found += [(-begins[n], segment.first + n) for n in numbers_in(matching) if low <= begins[n] <= high]
            if len(found) >= query.limit:
                found.sort()
                del found[query.limit :]
        return [number for _, number in sorted(found)]

    def in_window(self, window: Window) -> list[int]:
        """The traces that began in a window, in the order of arrival."""
        low, high = max(window.begin_us, 1), window.end_us
        return [
            segment.first + number
            for segment, first in self._alive()
            for number, begin in enumerate(segment.begins)
            if number >= first and low <= begin <= high
        ]

    def service_names(self) -> list[str]:
        """The services that sent spans."""
        names = {
            shape[0]
            for segment, first in self._alive()
            for shape, row in segment.shapes.items()
            if int.from_bytes(row, "little") >> first
        }
        return sorted(names - {""})

    def span_names(self, service: str) -> list[str]:
        """The names of a service's spans."""
        return self._names(SPAN_NAMES, service)

    def remote_service_names(self, service: str) -> list[str]:
        """The names of services that a service's spans have as their remote endpoint."""
        return self._names(REMOTE_NAMES, service)

    def tag_values(self, key: str) -> list[str]:
        """The values of a listed tag."""
        return self._names(TAG_VALUES, key)

    def _names(self, kind: str, of: str) -> list[str]:
        names = {
            name
            for segment, first in self._alive()
            for (owner, name), last in segment.names[kind].items()
            if owner == of and last >= first
        }
        return sorted(names)


def _latest_first(part: tuple[Segment, int]) -> int:
    return -part[0].latest_us
