"""Why do I see no spans?  Each area is a module, and each check is a function that yields findings.

Rules: a check is a generator `check_...` that yields findings, which is a doctor's meaning of the word; in the other packages
a function of that name raises for a wrong value.  Each possible finding is declared once, as a `Kind`, beside the check that
finds it; docs/how-to/troubleshooting.md is made from these declarations.  The application's own sender and encoder send the
probes, so the doctor does exactly what the application would do.  Text from servers is shortened, made printable, and loses our
credentials.
"""

from __future__ import annotations

from .report import Finding, Kind

__all__ = ["Finding", "Kind"]
