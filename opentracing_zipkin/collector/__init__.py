"""A Zipkin-compatible collector in this process: takes spans over HTTP, keeps them in memory and answers Zipkin's queries."""

from __future__ import annotations

from .server import Collector

__all__ = ["Collector"]
