"""The start of each interpreter below `opentracing-zipkin run`: instrumentation and `configure` without a change to the code.

`start` is called when an interpreter starts.  `opentracing_zipkin.pth`, which the wheel installs beside the packages, calls it
if the environment variable SWITCH is set.  Where that file is not installed, the `sitecustomize` in `site`, on PYTHONPATH,
calls it.
"""

from __future__ import annotations

__all__ = ["SWITCH", "WITH_PYTEST"]

SWITCH = "OPENTRACING_ZIPKIN_RUN"  # not ZIPKIN_..., because those names are settings
WITH_PYTEST = "with-pytest"  # the value of SWITCH if pytest is traced, too; any other value but "" turns only the rest on
