"""Contract suites for authors of tracers and scope managers: mix one into a test class and say what is to be tested.

`api_check` and `scope_check` ask for what OpenTracing 2.4 promises, `trace_context_check` for what 0.5 does.  They run under
unittest and pytest and need neither.
"""

from __future__ import annotations
