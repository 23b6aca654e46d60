"""The class of tests that users inherit."""

from __future__ import annotations

from typing import Any

from .decisions import DecisionCases
from .description import DescriptionCases
from .serving import ServingCases

__all__ = ["HttpServerKit"]

_ASYNCHRONOUS = (
    "test_an_async_route_is_named_alike",
    "test_an_exception_of_a_coroutine_is_the_error",
    "test_a_coroutine_has_children",
)
_STREAMED = ("test_a_stream_lasts_until_its_last_byte", "test_a_stream_that_fails_is_an_error")


class HttpServerKit(DecisionCases, DescriptionCases, ServingCases):
    """Inherit from it in a class named `Test…` and implement `serve`.

    `has_routes`: whether the server has routes; if not, a span's name is the method alone.  `is_async`: whether handlers may be
    coroutine functions and bodies asynchronous iterators.  `streams`: whether a body may be streamed.  `client_ip`: the address
    of the requests of `ask`.  `teardown_method` is the place to uninstall what `serve` has installed.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        """Leave tests that do not apply out of the class and of its subclasses."""
        super().__init_subclass__(**more)
        for name in (() if cls.is_async else _ASYNCHRONOUS) + (() if cls.streams else _STREAMED):
            setattr(cls, name, None)
