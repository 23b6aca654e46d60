"""Sampling rules in a TOML file that is watched: what is in the file, and what becomes of a change."""

from __future__ import annotations

from .watching import WatchedRules

__all__ = ["WatchedRules"]
