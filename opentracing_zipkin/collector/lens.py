"""Zipkin's own page, Lens, read from the user's jar: that of the server, or that of Lens alone.

Rules: the jar is read once, when the collector is made.  The files of Lens have paths below `/zipkin/`.  Any other path below
`/zipkin/` is a view of Lens, and is answered with the page of Lens.
Source: openzipkin/zipkin, zipkin-lens README and ZipkinUiConfiguration; zipkin-server 3.5.1's jar.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from .answers import Answer
from .page_files import MEDIA_TYPES, file_answer

__all__ = ["Lens"]

PREFIX = "/zipkin/"

_FOLDER = "zipkin-lens/"
_NESTED = "BOOT-INF/lib/zipkin-lens-"
_MAX_FILE_BYTES = 64 * 1024 * 1024

# The page of Lens adds styles to itself while it runs.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)

_REMEDY = "give the jar of a Zipkin server (zipkin-server-3.5.1-exec.jar), or of zipkin-lens"


class Lens:
    """The files of Lens; may be used from any thread.

    Raises ValueError with the remedy where the jar has no Lens, and OSError where the jar cannot be read.
    """

    def __init__(self, jar: str | os.PathLike[str]) -> None:
        try:
            with ZipFile(jar) as archive:
                self._files = _files_of(archive)
        except (BadZipFile, ValueError, NotImplementedError) as error:
            raise ValueError(f"{os.fspath(jar)} is no jar with Zipkin's page ({error}); {_REMEDY}") from error

    def answer(self, path: str) -> Answer | None:
        """The file at a path; None where the path is not below `/zipkin/`."""
        if not path.startswith(PREFIX):
            return None
        name = path.removeprefix(PREFIX)
        found = self._files.get(name)
        if found is None and name.startswith("static/"):
            return Answer(HTTPStatus.NOT_FOUND)
        return found or self._files["index.html"]


def _files_of(archive: ZipFile) -> dict[str, Answer]:
    names = archive.namelist()
    nested = next((name for name in names if name.startswith(_NESTED)), None)
    if nested is not None:
        with ZipFile(BytesIO(_read(archive, nested))) as inner:
            return _files_of(inner)
    found = {
        name.removeprefix(_FOLDER): file_answer(_read(archive, name), media_type, POLICY)
        for name in names
        for ending, media_type in MEDIA_TYPES.items()
        if name.startswith(_FOLDER) and name.endswith(ending)
    }
    if "index.html" not in found:
        raise ValueError(f"it has no {_FOLDER}index.html")
    return found


def _read(archive: ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MAX_FILE_BYTES:
        raise ValueError(f"{name} in it is larger than {_MAX_FILE_BYTES} bytes")
    return archive.read(name)
