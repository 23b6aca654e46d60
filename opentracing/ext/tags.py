"""`opentracing.tags` under its name in 0.5."""

from ..tags import *  # noqa: F403
from ..tags import __all__ as __all__
