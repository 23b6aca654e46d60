"""The costs of span handlers, measured beside the encoding of the same spans."""

from __future__ import annotations

import pytest

from bench.handlers import HANDLERS, main, measure

# Three times what was measured (Python 3.11, 2026-11), as shares of the encoding.
CEILINGS = {"redact()": 1.8, "rename('/users/{id}')": 0.5, "drop('*/health')": 0.8, "count()": 0.7}


def test_a_handler_costs_less_than_its_ceiling() -> None:
    """The least cost of several rounds, as a share of the cost of encoding, is below a ceiling."""
    encode_us, costs = measure(rounds=5, spans=500)

    assert {} == {name: costs[name] / encode_us for name, most in CEILINGS.items() if costs[name] / encode_us > most}
    assert set(HANDLERS) == set(costs)


def test_the_command_prints_a_line_a_handler(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line has the handler's share and its time."""
    assert 0 == main(["--rounds", "1"])

    assert len(HANDLERS) == len(capsys.readouterr().out.splitlines()) - 1
