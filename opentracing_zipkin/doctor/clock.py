"""Do this machine's clock and the server's agree?"""

from __future__ import annotations

from datetime import timezone
from email.utils import parsedate_to_datetime

from .report import FAULT, OK, WARNING, Finding, Kind

__all__ = ["clock_finding"]

MAX_CLOCK_OFFSET_S = 60.0

CLOCK_AGREES = Kind(
    "clock-agrees", OK, "clock", "this machine's clock and the server's agree within a second; the Date header tells no more"
)
CLOCK_UNKNOWN = Kind("clock-unknown", OK, "clock", "the server does not tell the time, so the clocks were not compared")
CLOCK_NEAR = Kind(
    "clock-near",
    WARNING,
    "clock",
    "this machine's clock is {seconds} s {direction} the server's (to a second, by the Date header): spans of several "
    "machines are drawn in a wrong order",
    "let both machines keep their time by NTP",
)
CLOCK_OFF = Kind(
    "clock-off",
    FAULT,
    "clock",
    "this machine's clock is {seconds} s {direction} the server's: Zipkin searches from now backwards, and finds no span that "
    "lies in the future, or further in the past than the search asks for",
    "let both machines keep their time by NTP; until then a trace is found by its id",
)


def clock_finding(date: str, sent_at: float, received_at: float) -> Finding:
    """The finding on our clock, by an answer's Date header; it is exact to a second, which the offset's bounds include."""
    try:
        server = parsedate_to_datetime(date).replace(tzinfo=timezone.utc).timestamp()  # RFC 9110: it is in GMT
    except (TypeError, ValueError, OverflowError):
        return CLOCK_UNKNOWN()
    least, most = sent_at - server - 1, received_at - server
    if least <= 1 and most >= -1:
        return CLOCK_AGREES()
    seconds = least if least > 1 else -most
    direction = "ahead of" if least > 1 else "behind"
    return (CLOCK_OFF if seconds >= MAX_CLOCK_OFFSET_S else CLOCK_NEAR)(seconds=round(seconds), direction=direction)
