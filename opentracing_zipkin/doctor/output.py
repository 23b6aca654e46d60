"""An examination from its beginning to its end, for a terminal or for a program."""

from __future__ import annotations

import json
from io import TextIOWrapper
from typing import TextIO

from .examination import Examination
from .report import FAULT, as_json, exit_status, finding_lines, setting_lines

__all__ = ["examine"]


def examine(service_url: str | None, is_json: bool, stream: TextIO, server_url: str | None = None) -> int:
    """Print each finding as soon as it is made, or all as JSON; returns the exit status."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # for characters that the terminal's encoding does not have
    examination = Examination()
    if is_json:
        findings = list(examination.findings(service_url, server_url))
        print(json.dumps(as_json(examination.settings, examination.libraries, findings), indent=2), file=stream)
        return exit_status(findings)
    for line in setting_lines(examination.settings, stream):
        print(line, file=stream)
    print(file=stream, flush=True)
    findings = []
    for finding in examination.findings(service_url, server_url):
        findings.append(finding)
        for line in finding_lines(finding, stream):
            print(line, file=stream, flush=True)
    faults = sum(finding.status == FAULT for finding in findings)
    print(f"\n{_SUMMARIES.get(faults, f'{faults} faults may explain missing spans; begin with the first')}", file=stream)
    return exit_status(findings)


_SUMMARIES = {
    0: "nothing was found that explains missing spans;\nthe doctor does not see settings that the application sets in code",
    1: "1 fault may explain missing spans",
}
