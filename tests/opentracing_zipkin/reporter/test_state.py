"""The reporter's state and its transitions, none of which leads back from a close."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opentracing_zipkin.reporter.state import CLOSING, GIVEN_UP, OPEN, PAUSED, State

STEPS: dict[str, Callable[[State], None]] = {
    "pause": State.pause,
    "resume": State.resume,
    "close": lambda state: state.close("closed"),
    "give_up": lambda state: state.give_up("expired"),
}

# The steps, and the state to which they lead.
TABLE = {
    (): OPEN,
    ("resume",): OPEN,
    ("pause",): PAUSED,
    ("pause", "pause"): PAUSED,
    ("pause", "resume"): OPEN,
    ("close",): CLOSING,
    ("close", "close"): CLOSING,
    ("close", "pause"): CLOSING,
    ("close", "resume"): CLOSING,
    ("close", "pause", "resume"): CLOSING,
    ("pause", "close"): GIVEN_UP,
    ("pause", "resume", "close"): CLOSING,
    ("give_up",): GIVEN_UP,
    ("close", "give_up"): GIVEN_UP,
    ("close", "give_up", "resume"): GIVEN_UP,
    ("close", "give_up", "close"): GIVEN_UP,
    ("pause", "close", "resume"): GIVEN_UP,
}


@pytest.mark.parametrize(("steps", "expected"), TABLE.items())
def test_each_transition_leads_where_the_drawing_says(steps: tuple[str, ...], expected: str) -> None:
    """Each sequence of transitions leads to the state in the table, and that state alone decides what is allowed."""
    state = State()
    for step in steps:
        STEPS[step](state)

    assert expected == state.now
    assert (expected == OPEN, expected in (OPEN, CLOSING), expected in (CLOSING, GIVEN_UP)) == (
        state.is_open,
        state.may_send,
        state.is_closed,
    )


def test_the_first_cause_counts() -> None:
    """A tracer that is closed and then ends with the process has dropped its spans as `closed`."""
    state = State()
    state.pause()
    state.close("closed")
    state.give_up("expired")

    assert "closed" == state.cause
