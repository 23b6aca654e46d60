"""The pages hang together: each link leads to a file and a heading that exist, and the index names each page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]

_LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]*))?\)")
_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def links(page: Path) -> list[tuple[str, str]]:
    """The path and the heading of each link to a place in the repository."""
    return _LINK.findall(_CODE.sub("", page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings are linked, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _CODE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    """The file of each link exists, and has the heading that the link names."""
    broken = []
    for path, heading in links(page):
        target = page.parent / path if path else page
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(f"{path}#{heading}")

    assert [] == broken


def test_the_index_names_each_page() -> None:
    """docs/README.md has a link to every page below docs/."""
    named = {(DOCS / path).resolve() for path, _ in links(DOCS / "README.md") if path}

    assert [] == [name_of(page) for page in sorted(DOCS.rglob("*.md")) if page.name != "README.md" and page not in named]
