"""For `unittest`: the recording of a test as a mixin of the test's class."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .recording import UNFINISHED, UnfinishedWarning, ZipkinRecording

__all__ = ["ZipkinTestCase"]

if TYPE_CHECKING:
    import unittest

    _Base = unittest.TestCase
else:
    _Base = object


class ZipkinTestCase(_Base):
    """Inherit from it before the TestCase of any framework: `class TestShop(ZipkinTestCase, unittest.TestCase)`.

    `self.zipkin` is the recording of each test, from `setUp` on.  `zipkin_settings` are the settings of ZipkinRecording.
    `zipkin_unfinished` is the effect of spans that a test has not finished: "error", "warn" or "ignore".
    """

    zipkin: ZipkinRecording
    zipkin_settings: ClassVar[Mapping[str, Any]] = {}
    zipkin_unfinished: ClassVar[str] = "warn"

    def setUp(self) -> None:
        super().setUp()
        if self.zipkin_unfinished not in UNFINISHED:
            raise ValueError(f"zipkin_unfinished is {self.zipkin_unfinished!r}; use {', '.join(UNFINISHED)}")
        self.zipkin = ZipkinRecording(**self.zipkin_settings).start()
        self.addCleanup(self._stop_zipkin)

    def _stop_zipkin(self) -> None:
        left = self.zipkin.stop(0) if self.zipkin_unfinished == "ignore" else self.zipkin.stop()
        if left and self.zipkin_unfinished == "error":
            self.fail("\n".join(left))
        elif left and self.zipkin_unfinished == "warn":
            warnings.warn("; ".join(left), UnfinishedWarning, stacklevel=2)
