"""The demo: an application of three services, and its traces in the terminal."""

from __future__ import annotations

from .runner import add_arguments, run

__all__ = ["add_arguments", "run"]
