"""Sampling rules in a TOML file: reading the file, and watching it for changes."""

from __future__ import annotations

from .watching import WatchedRules

__all__ = ["WatchedRules"]
