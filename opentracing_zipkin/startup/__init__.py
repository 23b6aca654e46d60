"""The start of each interpreter below `opentracing-zipkin run`: instrumentation and `configure` without a line of code.

`start` is called when an interpreter starts: by `opentracing_zipkin.pth`, which the wheel puts beside the packages and which
the environment variable SWITCH turns on; or, where that is not installed, by the `sitecustomize` in `site`, on PYTHONPATH.
"""

from __future__ import annotations

__all__ = ["SWITCH", "WITH_PYTEST"]

SWITCH = "OPENTRACING_ZIPKIN_RUN"  # not ZIPKIN_..., which are settings
WITH_PYTEST = "with-pytest"  # its value where pytest is traced, too; any other that is not empty turns it on
