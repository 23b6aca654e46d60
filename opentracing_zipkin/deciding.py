"""The tracer's decisions whether a trace is recorded: it asks the sampler, and remembers the answers.

Rules: the sampler is not asked where the caller or `sampling.priority` has decided.  A trace whose caller left the decision to
us gets one decision, however many spans start from its context.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from . import sampling
from .context import DEBUG, DECIDED, LOW_64_BITS, REMOTE, SAMPLED, RequestContext, ZipkinContext
from .propagation import Propagation
from .propagation.kept_headers import HeaderKeeping
from .sampling import Sampler
from .sampling.checked import check_sampler, guarded_calls
from .span import RecordingSpan, name_of, priority_of

__all__ = ["DecidingTracer", "with_priority"]

MAX_REMEMBERED_DECISIONS = 1024


class DecidingTracer:
    """A base of the tracer, whose constructor sets these attributes and calls `_use_sampler`; used from any thread."""

    service_name: str
    _enabled: bool
    _decisions: OrderedDict[int | str, bool]  # by trace id, the oldest first
    _new_trace_id: Callable[[], int]

    @property
    def sampler(self) -> Sampler:
        """Decides on each trace that nobody has decided about; a new one decides from the next root on, on all threads.

        A function of the low 64 bits of the trace id, or a `sampling.RootSampler`.  If it raises, the trace is not recorded.
        Raises ValueError for an object that cannot be called.
        """
        return self._sampling[0]

    @sampler.setter
    def sampler(self, sampler: Sampler) -> None:
        self._use_sampler(check_sampler(sampler), self._sampling[2])

    def _use_sampler(self, given: Sampler, propagation: Propagation) -> None:
        """Ask this sampler from now on.

        The attributes that `start_span` reads are stored in one line without a call, so that no other thread sees half of them.
        """
        by_id, by_root = guarded_calls(given)
        all_, none_ = given is sampling.always, given is sampling.never
        # One attribute for three values: in an object with more than 30 attributes Python looks up each of them more slowly.
        sampling_ = given, by_root, propagation
        self._propagation: Propagation = (
            HeaderKeeping(propagation, given) if isinstance(given, sampling.RootSampler) else propagation
        )
        # fmt: off
        self._sampler = by_id; self._sampling = sampling_; self._samples_all = all_; self._samples_none = none_; self._is_plain = self._enabled and by_root is None  # noqa: E501, E702
        # fmt: on

    def _decide(self, context: ZipkinContext, root: sampling.Root | None = None) -> int:
        """The state of a context whose caller left the decision to us; the same at every call and every extraction.

        `root`: the span that starts from it, for a sampler that looks at the root.
        """
        key = context._trace_id
        assert key is not None
        decision = self._decisions.get(key)
        if decision is None:
            low_bits = int(key[-16:], 16) if isinstance(key, str) else key & LOW_64_BITS
            by_root = self._sampling[1]
            answer = self._samples_all or (
                self._sampler(low_bits) if root is None or by_root is None else by_root(low_bits, root)
            )
            # Single calls into C, so no lock: of two threads that decide at the same time both take the answer kept first.
            decision = self._decisions.setdefault(key, answer)
            while len(self._decisions) > MAX_REMEMBERED_DECISIONS:
                with suppress(KeyError):  # other threads may have emptied it, if they are more than the limit
                    self._decisions.popitem(last=False)
        context._state |= DECIDED | SAMPLED if decision else DECIDED
        return context._state

    def _with_decision(self, parent: Any, operation_name: Any, tags: Mapping[str, Any] | None) -> Any:
        """The parent, with the decision of a sampler that looks at the root, if nobody has decided before.

        For no parent, this is a context without ids, from which a root starts.
        """
        if parent is not None and (type(parent) is RecordingSpan or parent._state & DECIDED):
            return parent
        has_ids = parent is not None and parent._trace_id is not None
        by_root = self._sampling[1]
        if by_root is None or (has_ids and not parent._state & REMOTE):
            return parent
        root = sampling.Root(
            self.service_name,
            operation_name if type(operation_name) is str else name_of(operation_name),
            tags,
            parent.headers if type(parent) is RequestContext else None,
        )
        if has_ids:
            self._decide(parent, root)
            return parent
        root_id = self._new_trace_id()
        # A sampler whose answer `sampling.priority` overrides is not asked, because the question may use up its budget.
        sampled = not _has_priority(tags) and by_root(root_id & LOW_64_BITS, root)
        state = DECIDED | SAMPLED if sampled else DECIDED
        return ZipkinContext(None, root_id, None, state, None if parent is None else parent._baggage)


def _has_priority(tags: Mapping[str, Any] | None) -> bool:
    """Whether the tags given at the start decide."""
    try:
        return tags is not None and "sampling.priority" in tags and priority_of(tags["sampling.priority"]) is not None
    except Exception:  # as in `ZipkinTracer.start_span`
        return False


def with_priority(state: int, tags: Mapping[str, Any]) -> int:
    """The state after the tag `sampling.priority` at the start: 0 means "not recorded", a greater number "recorded".

    In a debug trace the tag is ignored.
    """
    if state & DEBUG:
        return state
    priority = priority_of(tags["sampling.priority"])
    if priority is None:
        return state
    return state | SAMPLED | DECIDED if priority > 0 else (state | DECIDED) & ~SAMPLED
