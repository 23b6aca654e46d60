"""`opentracing.tags` under its first name."""

from ..tags import *  # noqa: F403
from ..tags import __all__ as __all__
