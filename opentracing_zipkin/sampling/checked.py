"""A sampler of the application: checked when it is given, and called so that an exception means "not recorded".

Rules: our own samplers by trace id never raise, so they are called without a guard.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from ..option import WrongSetting
from .by_trace_id import always, is_boundary, never
from .root import Root, RootSampler

if TYPE_CHECKING:
    from . import Sampler

__all__ = ["check_sampler", "guarded_calls"]

# Flags of generators, coroutines and async generators (inspect.CO_…): a call of one returns an object, which is always true.
_NO_ANSWER = 0x20 | 0x80 | 0x200


def check_sampler(sampler: Any) -> Sampler:
    """The sampler, if it can be called and answers at once.  Raises WrongSetting."""
    if not callable(sampler):
        raise WrongSetting("sampler", f"is {sampler!r}; use a function of a trace id's low 64 bits that returns a bool")
    if isinstance(sampler, type):
        raise WrongSetting("sampler", f"is the class {sampler.__qualname__}; use an instance of it")
    functions = (sampler, type(sampler).__call__, getattr(sampler, "decide", None))
    if any(code.co_flags & _NO_ANSWER for code in (getattr(one, "__code__", None) for one in functions) if code is not None):
        raise WrongSetting("sampler", f"is {sampler!r}, which is async or a generator; use a function that returns a bool")
    if isinstance(sampler, RootSampler):
        _check_headers(sampler)
    checked: Sampler = sampler
    return checked


def _check_headers(sampler: RootSampler) -> None:
    try:
        headers: Any = sampler.headers
    except Exception:  # a property that raises: then the sampler gets no headers
        return
    if isinstance(headers, str) or not isinstance(headers, Collection) or not all(isinstance(name, str) for name in headers):
        raise WrongSetting("sampler", f"has headers = {headers!r}; use a tuple of names, for instance ('x-tenant',)")


def guarded_calls(sampler: Sampler) -> tuple[Sampler, Callable[[int, Root], bool] | None]:
    """Two functions that call the sampler and never raise: by the trace id alone, and by trace id and root.

    The second is None for a sampler that does not look at the root.
    """
    if sampler is always or sampler is never or is_boundary(sampler):
        return sampler, None

    def sample(trace_id: int, /) -> bool:
        try:
            return bool(sampler(trace_id))
        except Exception:
            return False

    if not isinstance(sampler, RootSampler):
        return sample, None
    decide = sampler.decide

    def sample_root(trace_id: int, root: Root) -> bool:
        try:
            return bool(decide(trace_id, root))
        except Exception:  # raised by the sampler, or by a tag's value, which is an object of the application
            return False

    return sample, sample_root
