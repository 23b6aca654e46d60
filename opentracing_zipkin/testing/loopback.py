"""A server for tests of clients: on the loopback interface, with answers of many kinds, and a list of the received requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["LoopbackServer", "Received"]


class Received:
    """A request as the server got it; the names of `headers` are in lower case, each with all its values."""

    def __init__(self, method: str, target: str, headers: dict[str, list[str]], body: bytes) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body

    def header(self, name: str) -> str | None:
        """The only value of a header; raises ValueError where there are several."""
        values = self.headers.get(name.lower(), [])
        if len(values) > 1:
            raise ValueError(f"{name} occurs {len(values)} times: {values}")
        return values[0] if values else None


class LoopbackServer:
    """Answers on 127.0.0.1 and keeps the requests in `received`; to be used in a `with` block.

    `/status/404` has that status, `/redirect` leads to `/arrived`, `/echo` returns the body, `/cut` ends in the middle of its
    body, `/slow` sends its second half when `go_on` is set, `/large` has a megabyte, `/medium` five kilobytes, `/chunks` comes
    in three chunks, `/digest` asks for digest authentication; any other path has `ok`.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.go_on = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients may leave
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """The address as `host:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The URL without a path."""
        return f"http://{self.address}"

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_of(server: LoopbackServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            headers: dict[str, list[str]] = {}
            for name, value in self.headers.items():
                headers.setdefault(name.lower(), []).append(value)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "chunked" in headers.get("transfer-encoding", []):
                body = b"".join(self.chunks())
            server.received.append(Received(self.command, self.path, headers, body))
            path = self.path.partition("?")[0]
            if path.startswith("http://"):  # a client sends the whole URL to a proxy
                path = "/" + path.split("/", 3)[3]
            getattr(self, "answer_" + path.split("/")[1], self.answer_ok)(path, body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_FROBNICATE = answer  # noqa: N815

        def chunks(self) -> Iterator[bytes]:
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def send(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD" and status != 204:
                self.wfile.write(body)

        def answer_ok(self, path: str, body: bytes) -> None:
            self.send(200, b"ok")

        def answer_status(self, path: str, body: bytes) -> None:
            self.send(int(path.split("/")[2]), b"said so")

        def answer_redirect(self, path: str, body: bytes) -> None:
            self.send(302, b"there", Location="/arrived")

        def answer_echo(self, path: str, body: bytes) -> None:
            self.send(200, body)

        def answer_large(self, path: str, body: bytes) -> None:
            self.send(200, b"x" * 1_000_000)

        def answer_medium(self, path: str, body: bytes) -> None:
            self.send(200, b"x" * 5_000)

        def answer_cut(self, path: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.close_connection = True

        def answer_chunks(self, path: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")

        def answer_digest(self, path: str, body: bytes) -> None:
            if "Authorization" in self.headers:
                self.send(200, b"ok")
            else:
                self.send(401, b"who?", WWW_Authenticate='Digest realm="r", nonce="n", qop="auth", algorithm=MD5')

        def answer_slow(self, path: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "8")
            self.end_headers()
            self.wfile.write(b"half")
            self.wfile.flush()
            server.go_on.wait(10)
            self.wfile.write(b"half")

        def log_message(self, *_: object) -> None:
            pass

    return Handler
