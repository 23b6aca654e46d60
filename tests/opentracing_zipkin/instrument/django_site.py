"""A Django site for one test: settings that last as long as a `with` block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.test.utils import override_settings
from django.urls import set_urlconf

__all__ = ["as_site"]

if not settings.configured:
    settings.configure(SECRET_KEY="of a test", ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None, USE_TZ=True)
    django.setup()


@contextmanager
def as_site(patterns: list[Any], middleware: Sequence[str] = (), **more: Any) -> Iterator[None]:
    """A site with these URL patterns."""
    urls = ModuleType("urls")  # hashable, as Django asks
    vars(urls)["urlpatterns"] = patterns
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=list(middleware), ALLOWED_HOSTS=["*"], **more):
        try:
            yield
        finally:
            set_urlconf(None)
