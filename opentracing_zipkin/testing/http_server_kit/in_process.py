"""Requests to a WSGI or an ASGI application in the same process, as a server would pass them on."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

__all__ = ["Answer", "Ask", "Handler", "ask_asgi", "ask_wsgi"]


class Answer(NamedTuple):
    """An answer that a handler gives and a client gets; a `body` that is not text is streamed, chunk by chunk."""

    status: int = 200
    body: str | Iterator[bytes] | AsyncIterator[bytes] = ""
    location: str = ""


Handler = Callable[..., Any]  # returns an Answer for the route's parameters, or raises; may be async where `is_async`
Ask = Callable[[str, str, Mapping[str, str]], Answer]  # called with a method, a path with its query, and headers


def ask_wsgi(app: Callable[..., Iterable[bytes]]) -> Ask:
    """Send requests to a WSGI application like a server that answers 500 for an exception."""

    def ask(method: str, target: str, headers: Mapping[str, str]) -> Answer:
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "50000",
            "HTTP_HOST": "localhost",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        environ.update((f"HTTP_{name.upper().replace('-', '_')}", value) for name, value in headers.items())
        started: list[int] = []
        body = bytearray()

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            started.append(int(status[:3]))
            return body.extend

        try:
            chunks = app(environ, start_response)
            try:
                for chunk in chunks:
                    body.extend(chunk)
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        except Exception:
            started = started or [500]
        return Answer(started[-1], body.decode("utf-8", "replace"))

    return ask


def ask_asgi(app: Callable[..., Any]) -> Ask:
    """Send requests to an ASGI application like a server that answers 500 for an exception; each has its own event loop."""

    def ask(method: str, target: str, headers: Mapping[str, str]) -> Answer:
        return asyncio.run(_ask_asgi(app, method, target, headers))

    return ask


async def _ask_asgi(app: Callable[..., Any], method: str, target: str, headers: Mapping[str, str]) -> Answer:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in {"host": "localhost", **headers}.items()
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 80),
    }
    status = 0
    body = bytearray()
    is_asked, is_answered = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if is_asked.is_set():
            await is_answered.wait()
            return {"type": "http.disconnect"}
        is_asked.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                is_answered.set()

    try:
        await app(scope, receive, send)
    except Exception:
        status = status or 500
    return Answer(status, body.decode("utf-8", "replace"))
