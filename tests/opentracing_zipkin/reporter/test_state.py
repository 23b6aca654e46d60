"""The reporter's state: its transitions, and that none leads back from an end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opentracing_zipkin.reporter.state import ENDING, GIVEN_UP, OPEN, PAUSED, State

STEPS: dict[str, Callable[[State], None]] = {
    "pause": State.pause,
    "resume": State.resume,
    "end": lambda state: state.end("closed"),
    "give_up": lambda state: state.give_up("expired"),
}

# The steps, and the state to which they lead.
TABLE = {
    (): OPEN,
    ("resume",): OPEN,
    ("pause",): PAUSED,
    ("pause", "pause"): PAUSED,
    ("pause", "resume"): OPEN,
    ("end",): ENDING,
    ("end", "end"): ENDING,
    ("end", "pause"): ENDING,
    ("end", "resume"): ENDING,
    ("end", "pause", "resume"): ENDING,
    ("pause", "end"): GIVEN_UP,
    ("pause", "resume", "end"): ENDING,
    ("give_up",): GIVEN_UP,
    ("end", "give_up"): GIVEN_UP,
    ("end", "give_up", "resume"): GIVEN_UP,
    ("end", "give_up", "end"): GIVEN_UP,
    ("pause", "end", "resume"): GIVEN_UP,
}


@pytest.mark.parametrize(("steps", "expected"), TABLE.items())
def test_each_transition_leads_where_the_drawing_says(steps: tuple[str, ...], expected: str) -> None:
    """Each sequence of transitions leads to the state in the table, and that state alone decides what is allowed."""
    state = State()
    for step in steps:
        STEPS[step](state)

    assert expected == state.now
    assert (expected == OPEN, expected in (OPEN, ENDING), expected in (ENDING, GIVEN_UP)) == (
        state.takes,
        state.sends,
        state.ended,
    )


def test_the_first_cause_counts() -> None:
    """A tracer that is closed and then ends with the process has dropped its spans as `closed`."""
    state = State()
    state.pause()
    state.end("closed")
    state.give_up("expired")

    assert "closed" == state.cause
