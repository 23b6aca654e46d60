"""Span handlers, which may change a finished span before it is encoded: the Protocol, and the names of our own handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..model import FinishedSpan

if TYPE_CHECKING:
    from .counting import SpanCounts, count
    from .dropping import drop
    from .environment import environment_tags
    from .redaction import redact
    from .renaming import rename

__all__ = ["SpanCounts", "SpanHandler", "count", "drop", "environment_tags", "redact", "rename"]


class SpanHandler(Protocol):
    """Sees each span before it is encoded, on the reporter's thread.

    Returns the span, changed or not, or another one in its place, or None to drop it.  If a handler raises, the span is also
    dropped, because it may still have what the handler should have removed.
    """

    def __call__(self, span: FinishedSpan, /) -> FinishedSpan | None: ...


def __getattr__(name: str) -> Any:
    # Imported at their first use, because every tracer needs the Protocol, but few need a handler.
    if name == "redact":
        from .redaction import redact

        return redact
    if name == "rename":
        from .renaming import rename

        return rename
    if name == "drop":
        from .dropping import drop

        return drop
    if name in ("count", "SpanCounts"):
        from . import counting

        return counting.count if name == "count" else counting.SpanCounts
    if name == "environment_tags":
        from .environment import environment_tags

        return environment_tags
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
