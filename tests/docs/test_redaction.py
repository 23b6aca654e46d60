"""The page about redaction lists the names that are masked, and the page about handlers lists the tags of platforms."""

from __future__ import annotations

import re
from pathlib import Path

from opentracing_zipkin.handlers import environment_tags
from opentracing_zipkin.handlers.environment import _PLATFORMS
from opentracing_zipkin.handlers.keys import DEFAULT_KEYS

FOLDER = Path(__file__).parents[2] / "docs" / "how-to"


def test_the_page_has_all_our_names() -> None:
    """The page lists all our names, in the order of their declaration."""
    [line] = re.findall(r"<!-- DEFAULT_KEYS .*-->\n(.*)\n", (FOLDER / "redaction.md").read_text("utf-8"))

    assert list(DEFAULT_KEYS) == re.findall(r"`(.*?)`", line)


def test_the_page_has_every_tag_of_a_platform() -> None:
    """The page lists every tag of a platform, and no other tag."""
    page = (FOLDER / "span-handlers.md").read_text("utf-8")
    shown = set(re.findall(r"`((?:k8s|aws|cloud|faas|gcp|service|heroku|nomad)\.[\w.]+)`", page))

    assert {tag for platform in _PLATFORMS for tag in (*platform.constants, *platform.names)} == shown
    assert {} == environment_tags({})
