"""Contract suites for authors of tracers and scope managers: mix one into a test class and define what it shall test.

`api_check` and `scope_check` test the promises of OpenTracing 2.4, `trace_context_check` those of 0.5.  They run under
unittest and under pytest, and import neither.
"""

from __future__ import annotations
