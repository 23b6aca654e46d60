"""The contract of senders finds faults: for each promise there is a sender over HTTP that breaks it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from opentracing_zipkin import parts
from opentracing_zipkin.senders import Sender, SendError
from opentracing_zipkin.senders.chosen import chosen_sender

from . import sender_contract
from .test_senders import Collector, TestHttp as Contract

leaked: list[int] = []


class Faulty(Sender):
    """Does the same as the sender behind it, except for one promise."""

    def __init__(self, given: Mapping[str, Any], path: str, media_type: str) -> None:
        self.given = given
        self.inner = chosen_sender(given, path, media_type)

    def send(self, body: bytes, /) -> None:
        self.inner.send(body)

    def limit(self, seconds: float) -> None:
        self.inner.limit(seconds)

    def close(self) -> None:
        self.inner.close()

    def renew_after_fork(self) -> None:
        self.inner.renew_after_fork()


class Loses(Faulty):
    def send(self, body: bytes, /) -> None:
        pass


class SendsTwice(Faulty):
    def send(self, body: bytes, /) -> None:
        self.inner.send(body)
        self.inner.send(body)


class Changes(Faulty):
    def send(self, body: bytes, /) -> None:
        self.inner.send(body.replace(b": ", b":"))


class GivesUp(Faulty):
    def send(self, body: bytes, /) -> None:
        try:
            self.inner.send(body)
        except SendError as error:
            raise SendError(str(error), retryable=False) from None


class StaysBroken(Faulty):
    broken: SendError | None = None

    def send(self, body: bytes, /) -> None:
        if self.broken is not None:
            raise self.broken
        try:
            self.inner.send(body)
        except SendError as error:
            self.broken = error
            raise


class TakesItsTime(Faulty):
    def send(self, body: bytes, /) -> None:
        begin = time.monotonic()
        try:
            self.inner.send(body)
        except SendError:
            time.sleep(max(0.0, begin + 1.5 - time.monotonic()))
            raise


class EndsForGood(Faulty):
    closed = False

    def close(self) -> None:
        self.closed = True

    def send(self, body: bytes, /) -> None:
        if self.closed:
            raise SendError("it is closed", retryable=True)
        self.inner.send(body)


class IsOfItsParent(Faulty):
    renewed = False

    def renew_after_fork(self) -> None:
        self.renewed = True

    def send(self, body: bytes, /) -> None:
        if self.renewed:
            raise SendError("its thread is in the parent", retryable=True)
        self.inner.send(body)


class KnowsNoSize(Faulty):
    def send(self, body: bytes, /) -> None:
        try:
            self.inner.send(body)
        except SendError as error:
            raise SendError(str(error), retryable=error.retryable) from None


class Leaks(Faulty):
    def send(self, body: bytes, /) -> None:
        self.inner.send(body)
        leaked.append(os.open(os.devnull, os.O_RDONLY))


class ShowsItsEndpoint(Faulty):
    def send(self, body: bytes, /) -> None:
        try:
            self.inner.send(body)
        except SendError as error:
            raise SendError(f"{self.given}: {error}", retryable=error.retryable) from None


class ShowsItInARepr(Faulty):
    def __repr__(self) -> str:
        return f"Faulty({self.given})"


class ShowsItInTheChain(Faulty):
    def send(self, body: bytes, /) -> None:
        try:
            self.inner.send(body)
        except SendError as error:
            raise error from OSError(str(self.given))


FAULTS: dict[type[Faulty], str] = {
    Loses: "test_accepted_messages_arrive_once_and_byte_for_byte",
    SendsTwice: "test_accepted_messages_arrive_once_and_byte_for_byte",
    Changes: "test_accepted_messages_arrive_once_and_byte_for_byte",
    GivesUp: "test_a_receiver_that_is_away_at_first_may_come",
    StaysBroken: "test_a_receiver_that_goes_away_may_come_back",
    TakesItsTime: "test_a_limit_bounds_a_send_to_a_receiver_that_hangs",
    EndsForGood: "test_closing_gives_back_what_is_held_and_is_no_end",
    Leaks: "test_a_sender_that_is_closed_holds_no_descriptor",
    IsOfItsParent: "test_a_forked_process_sends_by_itself_and_its_parent_goes_on",
    KnowsNoSize: "test_a_message_that_is_too_large_is_told_apart",
    ShowsItsEndpoint: "test_credentials_are_shown_nowhere",
    ShowsItInARepr: "test_credentials_are_shown_nowhere",
    ShowsItInTheChain: "test_credentials_are_shown_nowhere",
}


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.stop()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_sender_that_breaks_a_promise_is_found(
    fault: type[Faulty], collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The test of the promise fails for this sender; other tests show that it passes for a sender that keeps the promise."""
    monkeypatch.setattr(sender_contract, "chosen_sender", fault)
    monkeypatch.setattr(parts, "chosen_sender", fault)
    monkeypatch.setattr(sender_contract, "MAX_SEND_S", 1.0)
    monkeypatch.setattr(sender_contract, "RECOVERY_TIMEOUT_S", 0.5)
    monkeypatch.setattr(sender_contract, "CLOSE_TIMEOUT_S", 0.5)
    test: Callable[..., None] = getattr(Contract(), FAULTS[fault])
    needed = {"receiver": collector, **({"caplog": caplog} if "credentials" in FAULTS[fault] else {})}
    try:
        with pytest.raises((AssertionError, SendError, pytest.fail.Exception)):
            test(**needed)
    finally:
        while leaked:
            os.close(leaked.pop())
