"""The parts of a tracer: a part that is given, or our own, which is made of its group of settings.

Rules: a part that is given replaces a group; a setting of that group given beside it raises.  Only this file knows which part
is made of which settings.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar, get_type_hints

from opentracing import ScopeManager

from . import sampling
from .clock import Clock
from .codec import SpanEncoder, encoder_named
from .codec.json_lines import lines_of
from .option import check_group, check_part, options_of, selected
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
from .sampling import Sampler
from .sampling.checked import check_sampler
from .senders import Sender
from .senders.chosen import chosen_sender
from .senders.endpoint import CONSOLE, check_settings, kind_of
from .span import RecordingSpan

__all__ = [
    "PART_TYPES",
    "Parts",
    "TracerSettings",
    "check_exclusions",
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
    """All arguments of ZipkinTracer except the service's name."""


# The groups that a given part replaces.
REPLACED_BY: Mapping[str, tuple[type, ...]] = {
    "sampler": (SamplingOptions,),
    "propagation": (PropagationOptions,),
    "sender": (SendingOptions,),
    "recorder": (SendingOptions, ReportingOptions),
}


def replaced(given: Mapping[str, Any]) -> dict[str, str]:
    """The settings that the given parts replace, each with the part."""
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

    It ends with `owner`, to which it has only a weak reference; `on_thread_start` is called with `owner`.  `encoder` replaces
    the one that the setting `encoding` names.  `late`: see Reporter.
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
    """The sampler given, else ours, which follows the rules of a file if the setting `sampling_rules` names one."""
    if "sampler" in given:
        return check_sampler(given["sampler"])
    own = check_group("ZipkinTracer()", SamplingOptions, selected(SamplingOptions, given))
    share = sampling.boundary(own["sample_rate"])
    if own["sampling_rules"] is None:
        return share
    from .rules_file import WatchedRules  # here, because few applications have such a file

    return WatchedRules(own["sampling_rules"], share)


def recorded_once(record: Callable[[Any], None]) -> Callable[[Any], None]:
    """`record` for a recorder of the application: it gets a span once, even if two threads finish it at the same moment."""

    def record_once(span: RecordingSpan) -> None:
        if span._take_token() is not None:
            record(span)

    return record_once


PART_TYPES = get_type_hints(Parts)
