"""A WSGI application that is called without a socket."""

from __future__ import annotations

from io import BytesIO
from typing import Any, NamedTuple

from opentracing_zipkin.collector.access import Access
from opentracing_zipkin.collector.api import Api
from opentracing_zipkin.collector.app import Application
from opentracing_zipkin.collector.stores.memory import MemoryStore

__all__ = ["Answered", "ask", "made"]


class Answered(NamedTuple):
    """An answer of the application; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    text: str


def made(
    host: str = "127.0.0.1", origins: tuple[str, ...] = (), hosts: tuple[str, ...] = ()
) -> tuple[Application, MemoryStore]:
    """An application over an empty store."""
    store = MemoryStore()
    return Application(Api(store), Access(host, origins, hosts)), store


def ask(
    application: Application, method: str = "GET", path: str = "/health", body: bytes = b"", query: str = "", **headers: str
) -> Answered:
    """The answer to a request; a header such as `Content-Type` is given as `content_type`."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "wsgi.input": BytesIO(body),
    }
    for name, value in headers.items():
        environ[name.upper() if name in ("content_type", "content_length") else f"HTTP_{name.upper()}"] = value
    said: list[Any] = []
    answer = application(environ, lambda status, fields: said.extend((status, fields)))
    return Answered(int(said[0][:3]), {name.lower(): value for name, value in said[1]}, b"".join(answer).decode())
