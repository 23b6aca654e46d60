"""The oldest versions of libraries, and the ends of a Celery task's run, are the same in the pages as in the code."""

from __future__ import annotations

import re

import pytest

from opentracing_zipkin.instrument.registry import LIBRARIES
from tests.opentracing_zipkin.instrument.test_celery import ENDS

from .pages import DOCS

OLDEST = {name: library.oldest for name, library in LIBRARIES.items() if library.oldest is not None}
PAGES = {
    "celery.md": ["celery"],
    "django.md": ["django"],
    "fastapi-and-starlette.md": ["fastapi", "starlette"],
    "flask.md": ["flask"],
    "http-clients.md": ["requests", "httpx", "urllib3", "aiohttp"],
}


def text_of(page: str) -> str:
    return (DOCS / "how-to" / page).read_text("utf-8")


def test_the_list_of_oldest_versions_is_that_of_the_code() -> None:
    """The page on the command lists each library with the oldest version that the doctor compares with."""
    table = text_of("the-command.md").partition("| Library | Oldest version |")[2].partition("\n\n")[0]

    assert OLDEST == dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|$", table, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_a_librarys_own_page_tells_its_oldest_version(page: str) -> None:
    """Each page on libraries tells the oldest version of each, in a sentence or in its table."""
    found = re.findall(r"(\w+) (?:is traced )?from version ([\d.]+) on|^\| (\w+) \| ([\d.]+) \|", text_of(page), re.MULTILINE)
    told = {(name or row).lower(): version or cell for name, version, row, cell in found}

    assert {name: OLDEST[name] for name in PAGES[page]} == told


def test_the_oldest_versions_are_those_that_are_tested() -> None:
    """`make test-old-libraries` runs each instrumentation's tests on the oldest version that the pages tell."""
    pins = re.findall(
        r"^OLD_LIBRARIES = (.*?)(?<!\\)$", (DOCS.parent / "Makefile").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )

    assert OLDEST == dict(re.findall(r"([\w-]+)==(\d+\.\d+)", pins[0]))


def test_every_library_has_a_page_that_tells_its_oldest_version() -> None:
    """No library is left out."""
    assert {*OLDEST} == {name for names in PAGES.values() for name in names}


def test_the_table_of_a_runs_ends_names_each_state() -> None:
    """The page on Celery names each state that a run's span can have, and the texts of errors are possible ones."""
    rows = re.findall(r"^\| the .* \| (.*) \| (.*) \|$", text_of("celery.md"), re.MULTILINE)
    errors = {quoted for error, _ in rows for quoted in re.findall("`(.*?)`", error)}

    assert {f"`{state}`" if state else "none" for _, _, state in ENDS} == {state for _, state in rows}
    assert errors <= {text for _, text, _ in ENDS}
