"""The page's files over HTTP: the policy for a browser, and its caching."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opentracing_zipkin.collector import page_files

from .wsgi import ask, made


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A page of two files, and a file that does not belong to it."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!DOCTYPE html>")
    (folder / "app.js").write_text("run()")
    (folder / "notes.md").write_text("not for browsers")
    monkeypatch.setattr(page_files, "files", lambda package: tmp_path)
    page_files._served.cache_clear()
    yield
    page_files._served.cache_clear()


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    ("path", "media_type", "text"),
    [
        ("/", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("/index.html", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("/app.js", "text/javascript; charset=utf-8", "run()"),
    ],
)
def test_a_file_of_the_page_is_served_with_its_policy(path: str, media_type: str, text: str) -> None:
    """A page's file comes with a policy that allows only its own origin and no frame, and new versions are seen at once."""
    answer = ask(made()[0], path=path)

    assert (200, text, media_type) == (answer.status, answer.text, answer.headers["content-type"])
    assert page_files.POLICY == answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert ("no-cache", "nosniff") == (answer.headers["cache-control"], answer.headers["x-content-type-options"])
    assert 304 == ask(made()[0], path=path, if_none_match=answer.headers["etag"]).status


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    "path", ["/notes.md", "/page/app.js", "/../app.js", "/./app.js", "//app.js", "/app.js/", "/APP.JS", "/app.js\0"]
)
def test_nothing_else_is_served(path: str) -> None:
    """Other kinds of files, and other paths to the page's files, are answered 404."""
    assert 404 == ask(made()[0], path=path).status
