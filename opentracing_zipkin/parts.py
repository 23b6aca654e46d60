"""The parts that a tracer is made of: those given, else ours, each with its own group of settings.

Rules: a part that is given replaces a group; a setting of that group given beside it raises.  This is the one file that knows
which part is made of which settings.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypedDict, TypeVar, get_type_hints

from opentracing import ScopeManager

from . import sampling
from .clock import Clock
from .codec import SpanEncoder, encoder_named
from .codec.json_lines import lines_of
from .option import WrongSetting, check_group, check_part, options_of, selected
from .options import (
    EncodingOptions,
    PropagationOptions,
    ReporterOptions,
    ReportingOptions,
    SamplingOptions,
    SendingOptions,
    Settings,
)
from .propagation import Propagation
from .propagation.b3 import B3Propagation
from .reporter import Recorder, Reporter
from .sampling import Root, RootSampler, Sampler
from .sampling.by_trace_id import is_boundary
from .senders import Sender
from .senders.chosen import chosen_sender
from .senders.endpoint import CONSOLE, check_settings, kind_of
from .span import RecordingSpan

__all__ = [
    "PART_TYPES",
    "Parts",
    "TracerSettings",
    "check_exclusions",
    "check_sampler",
    "guarded",
    "propagation_of",
    "recorded_once",
    "recorder_of",
    "replaced",
    "reporter_of",
    "sampler_of",
]

T = TypeVar("T")


class Parts(TypedDict, total=False):
    """Parts that may stand in place of our own."""

    sampler: Sampler | None
    propagation: Propagation | None
    sender: Sender | None
    recorder: Recorder | None
    clock: Clock | None
    scope_manager: ScopeManager | None


class TracerSettings(Settings, Parts, total=False):
    """All that ZipkinTracer takes beside the service's name."""


# A part that is given replaces these groups: their settings are the part's own affair.
REPLACED_BY: Mapping[str, tuple[type, ...]] = {
    "sampler": (SamplingOptions,),
    "propagation": (PropagationOptions,),
    "sender": (SendingOptions,),
    "recorder": (SendingOptions, ReportingOptions),
}


def replaced(given: Mapping[str, Any]) -> dict[str, str]:
    """The settings whose group is replaced by a part given, and that part."""
    return {
        name: part
        for part, groups in REPLACED_BY.items()
        if given.get(part) is not None
        for group in groups
        for name in options_of(group)
    }


def check_exclusions(given: Mapping[str, Any]) -> None:
    """Raise ValueError where a part is given beside a setting, or another part, that it replaces."""
    if "recorder" in given and "sender" in given:
        raise ValueError("recorder and sender exclude each other: a recorder sends by itself; give one of them")
    parts = replaced(given)
    for part in REPLACED_BY:
        unused = [name for name in given if parts.get(name) == part]
        if unused:
            them = "them" if len(unused) > 1 else "it"
            raise ValueError(f"{part} excludes {', '.join(unused)}; give {them} to the {part}, or leave {them} out")
    check_settings(given.get("endpoint"), given)


def recorder_of(given: Mapping[str, Any], owner: T, on_thread_start: Callable[[T], None]) -> Recorder:
    """The recorder given, else our reporter."""
    if "recorder" in given:
        recorder: Recorder = given["recorder"]
        check_part("recorder", recorder, Recorder, ("record", "flush", "close", "pause", "stats"))
        return recorder
    return reporter_of(given, owner, on_thread_start)


def reporter_of(
    given: Mapping[str, Any],
    owner: T,
    on_thread_start: Callable[[T], None],
    late: bool = False,
    encoder: SpanEncoder | None = None,
) -> Reporter:
    """Our reporter behind the sender given or our own.

    It ends with `owner`, which it does not hold; `on_thread_start` gets it.  `late`: see Reporter.  `encoder`: in place of the
    one that is named.
    """
    named = encoder_named(check_group("ZipkinTracer()", EncodingOptions, selected(EncodingOptions, given))["encoding"])
    encoder = named if encoder is None else encoder
    sender: Sender
    if "sender" in given:
        sender = given["sender"]
    else:
        if kind_of(given.get("endpoint")) == CONSOLE:
            encoder = lines_of(encoder)
        sender = chosen_sender(given, encoder.path, encoder.media_type)
    weak = weakref.ref(owner)

    def prepare() -> None:
        alive = weak()
        if alive is not None:
            on_thread_start(alive)

    options = selected(ReporterOptions, given)
    return Reporter(encoder, sender, on_thread_start=prepare, owner=owner, late=late, **options)


def propagation_of(given: Mapping[str, Any]) -> Propagation:
    """The propagation given, else ours."""
    if "propagation" not in given:
        return B3Propagation(**selected(PropagationOptions, given))
    propagation: Propagation = given["propagation"]
    check_part("propagation", propagation, Propagation, ("inject", "extract", "decided", "trusted", "attributes"))
    return propagation


def sampler_of(given: Mapping[str, Any]) -> Sampler:
    """The sampler given, else ours: by rules where a file of them is given."""
    if "sampler" in given:
        return check_sampler(given["sampler"])
    own = check_group("ZipkinTracer()", SamplingOptions, selected(SamplingOptions, given))
    share = sampling.boundary(own["sample_rate"])
    if own["sampling_rules"] is None:
        return share
    from .rules_file import WatchedRules  # here, because few have one

    return WatchedRules(own["sampling_rules"], share)


# Flags of generators, coroutines and async generators (inspect.CO_…): a call of one returns an object, which is always true.
_NO_ANSWER = 0x20 | 0x80 | 0x200


def check_sampler(sampler: Any) -> Sampler:
    """A sampler of the user's."""
    if not callable(sampler):
        raise WrongSetting("sampler", f"is {sampler!r}; use a function of a trace id's low 64 bits that returns a bool")
    if isinstance(sampler, type):
        raise WrongSetting("sampler", f"is the class {sampler.__qualname__}; use an instance of it")
    functions = (sampler, type(sampler).__call__, getattr(sampler, "decide", None))
    if any(code.co_flags & _NO_ANSWER for code in (getattr(one, "__code__", None) for one in functions) if code is not None):
        raise WrongSetting("sampler", f"is {sampler!r}, which is async or a generator; use a function that returns a bool")
    if isinstance(sampler, RootSampler):
        _check_headers(sampler)
    checked: Sampler = sampler
    return checked


def _check_headers(sampler: RootSampler) -> None:
    try:
        headers: Any = sampler.headers
    except Exception:  # a property that raises: then the sampler says no
        return
    if isinstance(headers, str) or not isinstance(headers, Collection) or not all(isinstance(name, str) for name in headers):
        raise WrongSetting("sampler", f"has headers = {headers!r}; use a tuple of names, for instance ('x-tenant',)")


def guarded(sampler: Sampler) -> tuple[Sampler, Callable[[int, Root], bool] | None]:
    """How a sampler is asked: by the trace id alone, and by the root where it looks at that.  Its exceptions mean no."""
    if sampler is sampling.always or sampler is sampling.never or is_boundary(sampler):
        return sampler, None

    def sample(trace_id: int, /) -> bool:
        try:
            return bool(sampler(trace_id))
        except Exception:
            return False

    if not isinstance(sampler, RootSampler):
        return sample, None
    decide = sampler.decide

    def look_at(trace_id: int, root: Root) -> bool:
        try:
            return bool(decide(trace_id, root))
        except Exception:  # also of a tag's value, which is the application's
            return False

    return sample, look_at


def recorded_once(record: Callable[[Any], None]) -> Callable[[Any], None]:
    """For a recorder of the user's: of two threads that finish a span at the same moment one records it."""

    def record_once(span: RecordingSpan) -> None:
        if span._take_token() is not None:
            record(span)

    return record_once


PART_TYPES = get_type_hints(Parts)
