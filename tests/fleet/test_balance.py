"""The balance of the fleet finds what is wrong: each rule is broken once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from .balance import Accepted, Balance, Made, judge_accepted, judge_accounts, judge_stored

FIRST, SECOND = Made(100.0, "a" * 32, ("1", "2")), Made(200.0, "b" * 32, ("3",))
MADE = {"one": [FIRST, SECOND]}
ACCOUNT = {
    "finished": 3,
    "counted": 3,
    "sent": 3,
    "dropped": {"full": 0, "expired": 0},
    "queued": 0,
    "in_flight": 0,
    "failed": 0,
    "whole": True,
}


def accepted_of(*messages: Sequence[Made]) -> Accepted:
    accepted = Accepted()
    for message in messages:
        spans = [span for made in message for span in made.spans()]
        accepted.add(repr(spans).encode(), spans)
    return accepted


def spans_of(*made: Made) -> set[tuple[str, str]]:
    return {span for each in made for span in each.spans()}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({}, None),
        ({"counted": 2}, "its tracer counted 2"),
        ({"finished": 4}, "one finished 3 spans"),
        ({"queued": 1}, "accounts for 4"),
        ({"sent": 2, "dropped": {"expired": 1}}, "dropped spans, though no outage was long: 1 expired"),
        ({"whole": False}, "could not send all"),
    ],
)
def test_an_account_that_is_not_the_producers_own_count_is_wrong(changed: dict[str, Any], sentence: str | None) -> None:
    """The producer's own list, its tracer's count, and the sum of sent, dropped and waiting spans must be equal."""
    balance = Balance()
    judge_accounts(balance, {"one": {**ACCOUNT, **changed}}, MADE)

    assert [] == balance.wrong if sentence is None else sentence in "\n".join(balance.wrong)


@pytest.mark.parametrize(
    ("messages", "failed", "kills", "sentence"),
    [
        ([[FIRST], [SECOND]], 0, 0, None),
        ([[FIRST]], 0, 0, "1 spans that were finished are not with the broker"),
        ([[FIRST], [SECOND], [FIRST]], 1, 0, None),
        ([[FIRST], [SECOND], [FIRST]], 0, 1, None),
        ([[FIRST], [SECOND], [FIRST]], 0, 0, "1 messages are there twice; lost answers explain 0 at most"),
        ([[FIRST], [SECOND], [FIRST, SECOND]], 9, 9, "3 spans are in two different messages"),
        ([[FIRST], [SECOND], [Made(1.0, "c" * 32, ("9",))]], 0, 0, "1 spans that nobody finished"),
    ],
)
def test_spans_that_are_lost_or_there_again_without_a_reason_are_wrong(
    messages: list[list[Made]], failed: int, kills: int, sentence: str | None
) -> None:
    """A whole message may be there twice if its answer was lost; no span may be missing."""
    balance = Balance()
    judge_accepted(balance, {"one": {**ACCOUNT, "failed": failed}}, MADE, accepted_of(*messages), kills)

    assert [] == balance.wrong if sentence is None else sentence in "\n".join(balance.wrong)


@pytest.mark.parametrize(
    ("stored", "kills_s", "sentence"),
    [
        ([FIRST, SECOND], [105.0], None),
        ([SECOND], [105.0], None),
        ([SECOND], [], "2 spans are not in the store"),
        ([SECOND], [99.0], "2 spans are not in the store"),
        ([SECOND], [111.0], "2 spans are not in the store"),
        ([FIRST, SECOND, Made(1.0, "c" * 32, ("9",))], [], "1 spans that nobody finished"),
    ],
)
def test_the_store_may_lack_only_spans_of_shortly_before_a_kill(
    stored: Iterable[Made], kills_s: list[float], sentence: str | None
) -> None:
    """Spans of the ten seconds before a kill may be missing; any other missing span is wrong."""
    balance = Balance()
    judge_stored(balance, "here", MADE["one"], spans_of(*stored), kills_s, 10.0)

    assert [] == balance.wrong if sentence is None else sentence in "\n".join(balance.wrong)
    assert balance.excused == (0 if sentence or FIRST in stored else 2)


def test_the_table_is_in_columns() -> None:
    """In each line the count ends in the same column, and the remark begins in the same column."""
    balance = Balance()
    balance.line("finished", 1_234, "by all")
    balance.line("  of them lost", 5, "one by one")

    assert "  finished        1,234  by all\n    of them lost      5  one by one" == balance.table()
