"""The span of a request: its name, its tags, its error."""

from __future__ import annotations

import asyncio
from typing import Any

from ...instrument.http import Request, Response
from .base import ServedApplication, fail, ok
from .in_process import Answer, Handler

__all__ = ["DescriptionCases"]


class DescriptionCases(ServedApplication):
    """The request and the answer, as the span tells them."""

    # The request

    def test_the_client_is_the_remote_end(self) -> None:
        """The remote address is that of the connection; what a client writes about itself is not trusted."""
        self.get(ok, {"x-forwarded-for": "192.0.2.1"})

        assert self.client_ip == self.remote_ip()

    def test_a_forwarded_address_is_used_where_it_is_trusted(self) -> None:
        """With `trust_forwarded=True` the first address of `X-Forwarded-For` is the client's."""
        self.use(self.tracer, trust_forwarded=True)
        self.get(ok, {"x-forwarded-for": "192.0.2.1, 198.51.100.3"})

        assert "192.0.2.1" == self.remote_ip()

    def test_a_forwarded_address_that_is_none_is_left_out(self) -> None:
        """A word in place of an address is no service name; the address of the connection is used."""
        self.use(self.tracer, trust_forwarded=True)
        self.get(ok, {"x-forwarded-for": "billing, 198.51.100.3"})

        assert (self.client_ip, "") == (self.remote_ip(), self.span().remote.service_name)  # type: ignore[union-attr]

    def remote_ip(self) -> str:
        remote = self.span().remote
        return "" if remote is None else remote.ipv4 or remote.ipv6

    def test_a_span_is_named_by_its_route(self) -> None:
        """The span's name is the method and the route as it was written, the same for all paths of the route."""
        ask = self.serve({"/users/{id}": lambda id: Answer()}, self.policy)
        ask("GET", "/users/1", {})
        ask("GET", "/users/2", {})

        assert [self.name("GET", "/users/{id}")] * 2 == [span.name for span in self.spans]
        assert ["/users/{id}" if self.has_routes else None] * 2 == [span.tags.get("http.route") for span in self.spans]

    def test_a_nested_route_has_its_prefix(self) -> None:
        """The name of a nested route begins at the root."""
        routes: dict[str, Handler] = {
            "/shop/{shop}/items/{id}": lambda shop, id: Answer(),
            "/shop/{shop}": lambda shop: Answer(),
        }
        self.serve(routes, self.policy)("GET", "/shop/1/items/2", {})

        assert self.name("GET", "/shop/{shop}/items/{id}") == self.span().name

    def test_an_async_route_is_named_alike(self) -> None:
        """The span of a coroutine handler is named by its route, and stays active after an `await`."""
        found: list[Any] = []

        async def handler(id: str) -> Answer:
            await asyncio.sleep(0)
            found.append(self.active_context())
            return Answer()

        self.serve({"/users/{id}": handler}, self.policy)("GET", "/users/1", {})

        assert (self.name("GET", "/users/{id}"), [self.span().span_id]) == (
            self.span().name,
            [context.span_id for context in found],
        )

    def test_what_is_not_found_has_no_path_in_its_name(self) -> None:
        """The name of a span for a path without a route is `GET not_found`, and the span has the status."""
        answer = self.serve({"/": ok}, self.policy)("GET", "/wp-admin/1", {})
        span = self.span()

        assert (404, "get not_found", "404", "/wp-admin/1") == (
            answer.status,
            span.name,
            span.tags["http.status_code"],
            span.tags["http.path"],
        )
        assert "http.route" not in span.tags

    def test_a_redirect_has_its_route(self) -> None:
        """The span of a handler's redirect is named by the route, and has the status."""
        answer = self.get(lambda: Answer(302, "", "/elsewhere"))

        assert (302, "302") == (answer.status, self.span().tags["http.status_code"])
        assert ("get /" if self.has_routes else "get redirected") == self.span().name
        assert "error" not in self.span().tags

    def test_methods_are_told(self) -> None:
        """The method is in the span's name and in a tag, for instance POST or OPTIONS."""
        self.get(ok, method="POST")
        self.get(ok, method="OPTIONS")

        assert ["post", "options"] == [span.name.split()[0] for span in self.spans]
        assert ["POST", "OPTIONS"] == [span.tags["http.method"] for span in self.spans]

    def test_a_strange_method_makes_no_name(self) -> None:
        """The name of a span with an unknown method begins with `HTTP`, so that strangers cannot make names."""
        self.get(ok, method="XMAS")

        assert "http" == self.span().name.split()[0]

    def test_head_is_answered_without_a_body(self) -> None:
        """A HEAD request has a span like any other request."""
        self.get(ok, method="HEAD")

        assert "HEAD" == self.span().tags["http.method"]

    def test_the_query_is_left_out(self) -> None:
        """A query, which may hold a secret, is nowhere in the span."""
        self.serve({"/": ok}, self.policy)("GET", "/?password=hunter2", {})
        span = self.span()

        assert "/" == span.tags["http.path"]
        assert "hunter2" not in repr((span.name, span.tags, span.annotations))

    def test_a_path_beyond_ascii_is_text(self) -> None:
        """A path in UTF-8 becomes its text; other bytes are kept or replaced."""
        ask = self.serve({"/": ok}, self.policy)
        ask("GET", "/caf%C3%A9", {})
        ask("GET", "/caf%E9", {})

        assert ["/café", 2] == [self.spans[0].tags["http.path"], len(self.spans)]

    # The answer

    def test_success_has_no_status(self) -> None:
        """A status 2xx is expected, so it is no tag."""
        self.get(lambda: Answer(202))

        assert {"http.status_code", "error"}.isdisjoint(self.span().tags)

    def test_a_bad_request_has_its_status(self) -> None:
        """A status 4xx is the caller's mistake: it is a tag, but no error."""
        answer = self.get(lambda: Answer(400))

        assert (400, "400", None) == (answer.status, self.span().tags["http.status_code"], self.span().tags.get("error"))

    def test_a_server_error_is_an_error(self) -> None:
        """A status 5xx from a handler is both the status and the error."""
        self.get(lambda: Answer(503))

        assert ("503", "503") == (self.span().tags["http.status_code"], self.span().tags["error"])

    def test_an_exception_is_the_error(self) -> None:
        """An uncaught exception is the span's error; the span also has the client's status and the route."""
        answer = self.get(fail)
        span = self.span()

        assert (500, "500", "ValueError: out of stock") == (answer.status, span.tags["http.status_code"], span.tags["error"])
        assert self.name("GET", "/") == span.name

    def test_an_exception_of_a_coroutine_is_the_error(self) -> None:
        """An exception of a coroutine function is the span's error, too."""

        async def handler() -> Answer:
            await asyncio.sleep(0)
            fail()
            return Answer()

        self.get(handler)

        assert ("500", "ValueError: out of stock") == (self.span().tags["http.status_code"], self.span().tags["error"])

    def test_the_error_may_be_set(self) -> None:
        """`on_response` gets the exception and the status, and may set another error."""
        seen: list[tuple[int, str]] = []

        def on_response(span: Any, request: Request, response: Response, error: BaseException | None) -> None:
            seen.append((response.status, str(error)))
            span.set_tag("error", "sold out")

        self.use(self.tracer, on_response=on_response)
        self.get(fail)

        assert "sold out" == self.span().tags["error"]
        assert ["out of stock"] == [text for _, text in seen]
