"""`python -m bench.scale` refuses numbers that it cannot measure with, before it starts a server."""

from __future__ import annotations

import sys

import pytest

from bench.scale import __main__ as command


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--spans=0", "'0' is no number of whole thousands"),
        ("--spans=1500", "'1500' is no number of whole thousands"),
        ("--stored=-1000", "'-1000' is no number of whole thousands"),
        ("--stored=many", "'many' is no number of whole thousands"),
        ("--producers=0", "invalid choice: 0"),
    ],
)
def test_a_wrong_number_is_refused(
    argument: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the option and the value."""
    monkeypatch.setattr(sys, "argv", ["scale", argument])

    with pytest.raises(SystemExit) as raised:
        command.main()
    said = capsys.readouterr().err
    assert 2 == raised.value.code
    assert f"argument {argument.partition('=')[0]}: {message}" in said
