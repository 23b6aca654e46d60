"""Zipkin's own page from a jar: that of a server, which contains the jar of Lens, or that of Lens alone."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector, lens

from .wsgi import ask

FILES = {
    "zipkin-lens/": "",
    "zipkin-lens/index.html": "<!DOCTYPE html>",
    "zipkin-lens/static/js/index.js": "run()",
    "zipkin-lens/favicon.ico": "icon",
    "zipkin-lens/notes.md": "not for browsers",
    "META-INF/MANIFEST.MF": "x",
}


def packed(files: dict[str, str | bytes]) -> bytes:
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return jar.getvalue()


@pytest.fixture(params=["a server's jar", "the jar of Lens"])
def jar(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "some.jar"
    alone = packed(dict(FILES))
    path.write_bytes(
        packed({"BOOT-INF/lib/zipkin-lens-3.5.1.jar": alone, "a.class": "x"}) if "server" in request.param else alone
    )
    return path


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/zipkin/", 200, "<!DOCTYPE html>"),
        ("/zipkin/traces/000000000000000a", 200, "<!DOCTYPE html>"),
        ("/zipkin/dependency", 200, "<!DOCTYPE html>"),
        ("/zipkin/static/js/index.js", 200, "run()"),
        ("/zipkin/favicon.ico", 200, "icon"),
        ("/zipkin/static/js/other.js", 404, ""),
        ("/zipkin/static/../../notes.md", 404, ""),
        ("/zipkin/api/v2/services", 200, "[]"),
        ("/zipkin", 302, ""),
    ],
)
def test_its_files_and_views_are_below_zipkin(jar: Path, path: str, status: int, text: str) -> None:
    """Any path of a view is answered with the page of Lens; its files and its API are there, too."""
    answer = ask(Collector(lens=jar).application, path=path)

    assert (status, text) == (answer.status, answer.text)


def test_our_page_stays_where_it_is(jar: Path) -> None:
    """Our own page stays at `/`."""
    page = ask(Collector(lens=jar).application, path="/")

    assert (200, True) == (page.status, "<title>Traces</title>" in page.text)


def test_its_page_may_write_styles_and_talks_to_nobody_else(jar: Path) -> None:
    """The page may add styles to itself; its scripts and requests are limited to its own origin."""
    policy = ask(Collector(lens=jar).application, path="/zipkin/").headers["content-security-policy"]

    assert "default-src 'self'; style-src 'self' 'unsafe-inline'; " in policy
    assert "script-src" not in policy


@pytest.mark.parametrize("content", [b"", b"text", packed({"a": "b"}), packed({"BOOT-INF/lib/zipkin-lens-3.5.1.jar": "text"})])
def test_another_file_is_refused_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    """A file without Lens is refused with the remedy."""
    path = tmp_path / "other.jar"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"other.jar is no jar with Zipkin's page .*; give the jar of a Zipkin server"):
        Collector(lens=path)


def test_a_file_that_is_too_large_is_not_read(jar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the jar that is too large is not read."""
    monkeypatch.setattr(lens, "_MAX_FILE_BYTES", 3)

    with pytest.raises(ValueError, match="is larger than 3 bytes"):
        Collector(lens=jar)


def test_a_jar_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    """A missing jar raises FileNotFoundError, which the command prints on one line."""
    with pytest.raises(FileNotFoundError):
        Collector(lens=tmp_path / "none.jar")
