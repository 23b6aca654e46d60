"""A custom part has all members of its seam, for instance by inheritance, or is refused with the names that it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import opentracing_zipkin
from opentracing_zipkin import TracerStats, ZipkinContext, ZipkinTracer
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.option import WrongSetting
from opentracing_zipkin.propagation import Propagation
from opentracing_zipkin.reporter import Recorder, Reporter
from opentracing_zipkin.senders import Sender


class Recording(Recorder):
    def __init__(self) -> None:
        self.names: list[str] = []

    def record(self, span: Any, /) -> None:
        self.names.append(span.to_finished().name)


class Sending(Sender):
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.closed = 0

    def send(self, body: bytes, /) -> None:
        self.bodies.append(body)

    def close(self) -> None:
        self.closed += 1


class Propagating(Propagation):
    def inject(self, context: ZipkinContext, carrier: Any, /) -> None:
        carrier["trace"] = context.trace_id


def without(base: type, *names: str) -> Any:
    """An object with all public members of `base` except those named."""
    members = {name: getattr(base, name) for name in dir(base) if not name.startswith("_") and name not in names}
    return type("Own", (), members)()


MEMBERS: list[tuple[str, type, Callable[[Any], object], list[str]]] = [
    (
        "recorder",
        Recorder,
        lambda part: ZipkinTracer("service", recorder=part),
        ["record", "flush", "close", "pause", "stats"],
    ),
    (
        "sender",
        Sender,
        lambda part: ZipkinTracer("service", sender=part),
        ["send", "close", "renew_after_fork", "max_bytes"],
    ),
    ("sender", Sender, lambda part: Reporter(json_v2, part), ["send", "close", "renew_after_fork", "max_bytes"]),
    (
        "propagation",
        Propagation,
        lambda part: ZipkinTracer("service", propagation=part),
        ["inject", "extract", "decided", "trusted", "attributes"],
    ),
]


@pytest.mark.parametrize(
    ("name", "seam", "construct", "lacking"),
    [(name, seam, construct, member) for name, seam, construct, members in MEMBERS for member in members],
)
def test_an_incomplete_part_is_refused(name: str, seam: type, construct: Callable[[Any], object], lacking: str) -> None:
    """An incomplete part raises ValueError with the missing member and the class to inherit from; a complete one is taken."""
    with pytest.raises(WrongSetting, match=rf"^{name} is .*, which lacks {lacking}; let its class inherit from ") as caught:
        construct(without(seam, lacking))

    assert str(caught.value).endswith(f"{seam.__module__}.{seam.__name__}")
    construct(without(seam))


def test_a_clock_that_lacks_ticks_is_refused() -> None:
    """Several missing members are named together."""
    with pytest.raises(WrongSetting, match=r"^clock is .*, which lacks wall_ns, ticks_ns"):
        ZipkinTracer("service", clock=object())  # type: ignore[arg-type]


def test_a_recorder_of_ones_own_needs_but_a_record() -> None:
    """A custom recorder needs only `record`; the defaults are nothing to flush, empty statistics and a done Future."""
    recorder = Recording()
    tracer = ZipkinTracer("service", recorder=recorder)
    tracer.start_span("a").finish()
    tracer.enabled = False
    tracer.enabled = True

    assert ["a"] == recorder.names
    assert (True, True, 0) == (tracer.flush(), tracer.close().result(0), tracer.stats.finished)
    assert TracerStats is type(tracer.stats)


def test_a_sender_of_ones_own_needs_but_a_send() -> None:
    """A custom sender needs only `send`; by default it takes messages of 512 KiB and is closed after a fork."""
    sender = Sending()
    tracer = ZipkinTracer("service", sender=sender)
    tracer.start_span("a").finish()

    assert True is tracer.flush(5)
    assert (1, 512 * 1024) == (len(sender.bodies), sender.max_bytes)
    sender.renew_after_fork()
    assert 1 == sender.closed
    tracer.close(5).result(5)


def test_a_propagation_of_ones_own_needs_but_what_it_does() -> None:
    """A custom propagation needs only its own methods; by default it leaves decisions open and uses our attributes."""
    tracer = ZipkinTracer("service", propagation=Propagating())
    span = tracer.start_span("a")
    carrier: dict[str, str] = {}
    tracer.inject(span.context, "text_map", carrier)

    assert {"trace": span.context.trace_id} == carrier
    assert None is tracer.extract("text_map", carrier)
    span.set_baggage_item("key", "value")
    assert b"ot-baggage-key: value" == tracer.trace_context_to_binary(span.context)[1]


def test_a_part_that_is_false_is_a_part() -> None:
    """Only None means "not given": a recorder may be falsy, as one with length 0."""

    class Counting(Recording):
        def __len__(self) -> int:
            return len(self.names)

    recorder = Counting()
    ZipkinTracer("service", recorder=recorder).start_span("a").finish()

    assert 1 == len(recorder)


def test_every_log_line_names_the_package() -> None:
    """Every log line names the package, because an application without logging configuration shows the message alone."""
    package = Path(opentracing_zipkin.__file__).parent
    unnamed = [
        f"{path.name}: {text}"
        for path in package.rglob("*.py")
        for text in re.findall(r"\blog\.(?:debug|info|warning|error|exception|critical)\(\s*f?(\".*)", path.read_text())
        if not text.startswith('"zipkin: ')
    ]

    assert [] == unnamed
