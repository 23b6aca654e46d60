"""The HTTP library's classes, as they are without mocks."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any
from unittest import mock

import pytest

from opentracing_zipkin.senders.sealed import sealed

CLASSES = [
    ("http.client", "HTTPConnection"),
    ("http.client", "HTTPResponse"),
    ("requests.adapters", "HTTPAdapter"),
    ("urllib3.connection", "HTTPConnection"),
    ("urllib3.connection", "HTTPSConnection"),
    ("urllib3.connectionpool", "HTTPConnectionPool"),
    ("urllib3.connectionpool", "HTTPSConnectionPool"),
]


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_nothing_is_loaded_twice_where_nothing_is_replaced(module: str, name: str) -> None:
    """Without a mock the sealed class is made of the library's own class, and no module is loaded twice."""

    assert getattr(import_module(module), name) is sealed(module, name).__mro__[1]


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_what_is_replaced_later_is_not_seen(module: str, name: str) -> None:
    """A later replacement of a method, also of an inherited one, has no effect."""
    one = sealed(module, name)
    own = getattr(import_module(module), name)
    names = [name for name, value in vars(own).items() if callable(value) and not isinstance(value, (type, staticmethod))]
    before = [getattr(one, name) for name in names]
    with mock.patch.multiple(own, **dict.fromkeys(names, print)):
        assert before == [getattr(one, name) for name in names]


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_what_was_replaced_before_is_looked_up(module: str, name: str) -> None:
    """The original is found behind a wrapper or a subclass, or in a second copy of the module."""
    own: Any = getattr(import_module(module), name)
    known = sys.modules[module]

    def wrapper() -> None: ...

    wrapper.__wrapped__ = own.close  # type: ignore[attr-defined]
    with mock.patch.object(own, "close", wrapper):
        behind_wrapper = sealed(module, name).close
    assert own.close.__code__ is behind_wrapper.__code__

    with mock.patch.object(known, name, type("Mocked", (own,), {})):
        assert own is sealed(module, name).__mro__[1]

    with mock.patch.object(own, "close"):
        anew = sealed(module, name)
    assert own is not anew.__mro__[1]
    assert own.close.__code__ == anew.close.__code__
    assert (known, own) == (sys.modules[module], getattr(import_module(module), name))
