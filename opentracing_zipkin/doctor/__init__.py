"""Why do I see no spans?  Each area is a module, each of its checks a function that yields findings.

Rules: what could be a finding is declared once, as a `Kind`, beside the check that finds it; docs/how-to/troubleshooting.md is
made of these.  The application's own sender and encoder carry the probes, so that what is tried is what it would do.  Words of
others are cut, printable and without our credentials.
"""

from __future__ import annotations

from .report import Finding, Kind

__all__ = ["Finding", "Kind"]
