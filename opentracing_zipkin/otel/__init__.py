"""OpenTelemetry: its API on our tracer, and an exporter for applications that keep its SDK.

Rules: `import opentracing_zipkin` imports nothing from here.  This package uses a tracer but never configures one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .installing import install
    from .propagator import B3Propagator
    from .provider import TracerProvider

__all__ = ["B3Propagator", "TracerProvider", "install"]

_MODULES = {"install": "installing", "B3Propagator": "propagator", "TracerProvider": "provider"}


def __getattr__(name: str) -> Any:
    # Imported late, because the exporter needs none of these modules, and they need an extra.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        if name == "install":
            from ..instrument.opentelemetry_api import version_problem

            if version_problem():  # an old API may lack names that the other modules import
                return _install_nothing
            from . import installing as module
        elif name == "B3Propagator":
            from . import propagator as module  # type: ignore[no-redef]
        else:
            from . import provider as module  # type: ignore[no-redef]
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise ImportError(
            "opentracing_zipkin.otel needs opentelemetry-api: install the extra 'otel' of the distribution 'opentracing' "
            "(or opentelemetry-api itself)"
        ) from error
    return getattr(module, name)


def _install_nothing(tracer: Any = None) -> None:
    """Takes the place of `install` if the installed API is too old."""
    from ..instrument.opentelemetry_api import version_problem
    from ..log import log

    log.warning("zipkin: OpenTelemetry's spans are not recorded: %s", version_problem())
