"""The collector as a WSGI application: turns a request's environment into an answer; a test needs no socket.

Rules: this file knows HTTP, but no route.  Access is decided before anything is read.  No exception leaves the application.
Source: PEP 3333; limits and refusals of `access`, `body` and `message`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from ..log import log
from .access import Access, Refused
from .answers import Answer, refusal
from .api import Api
from .body import TooLarge, coding_of, read_body

__all__ = ["Application"]

Environ: TypeAlias = dict[str, Any]

_ANSWER_PIECE_BYTES = 256 * 1024
# A body in another coding is passed on unchanged, as in a real server.  If it is no message, the answer tells the reason.
_READ_CODINGS = ("", "gzip", "x-gzip")


class Application:
    """A WSGI application over an API; may be called from any thread."""

    def __init__(self, api: Api, access: Access) -> None:
        self._api = api
        self._access = access

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self._answer(environ)
        headers = [("Content-Length", str(len(answer.body))), *answer.headers]
        if answer.body:
            headers += [("Content-Type", answer.media_type), ("X-Content-Type-Options", "nosniff")]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        # In pieces, because the server copies each piece into its buffer, and a long buffer into a file.
        return [answer.body[at : at + _ANSWER_PIECE_BYTES] for at in range(0, len(answer.body), _ANSWER_PIECE_BYTES)]

    def _answer(self, environ: Environ) -> Answer:
        try:
            self._access.check(environ)
            preflight = self._access.preflight_headers(environ)
            if preflight is not None:
                return Answer(HTTPStatus.OK, headers=tuple(preflight))
            answer = self._ask(environ)
        except Refused as error:
            return refusal(HTTPStatus.FORBIDDEN, error)
        except TooLarge as error:
            answer = refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
        except ValueError as error:
            answer = refusal(HTTPStatus.BAD_REQUEST, error)
        except Exception as error:
            log.error("zipkin: the collector failed to answer a request", exc_info=error)
            answer = refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"the collector failed: {type(error).__name__}; see its log")
        return answer._replace(headers=(*answer.headers, *self._access.headers(environ)))

    def _ask(self, environ: Environ) -> Answer:
        body = read_body(environ)
        answer = self._api.answer(
            environ["REQUEST_METHOD"],
            _utf8(environ.get("PATH_INFO", "")),
            _parameters(environ.get("QUERY_STRING", "")),
            environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower(),
            body,
        )
        coding = coding_of(environ)
        if answer.status == HTTPStatus.BAD_REQUEST and coding not in _READ_CODINGS:
            remedy = f"Content-Encoding is {coding[:40]!r}, which is not supported; send gzip once, or no encoding".encode()
            return answer._replace(body=remedy if not answer.body else remedy + b": " + answer.body)
        tag = environ.get("HTTP_IF_NONE_MATCH")
        if tag and ("ETag", tag) in answer.headers:
            return answer._replace(status=HTTPStatus.NOT_MODIFIED, body=b"")
        return answer


def _parameters(text: str) -> dict[str, str]:
    """The parameters of a query string; of a repeated parameter the first value counts, as in a real server."""
    return dict(reversed(parse_qsl(text, keep_blank_values=True)))


def _utf8(text: str) -> str:
    """Decode text that WSGI passes as Latin-1."""
    return text.encode("latin-1", "replace").decode(errors="replace")
