"""The shop's frontend: shows products, and takes orders."""

from __future__ import annotations

import time
from collections.abc import Mapping

import opentracing
import opentracing_zipkin

from .serving import Answer, View, serve
from .tracing import CallFailed, Client


def routes(addresses: Mapping[str, str]) -> Mapping[str, View]:
    orders = Client("frontend", "orders", addresses["orders"])

    def products(_arguments: Mapping[str, str]) -> Answer:
        stock = orders.call("GET", "/stock", {})
        return "200 OK", {"products": stock}

    def checkout(arguments: Mapping[str, str]) -> Answer:
        span = opentracing.tracer.active_span
        assert span is not None  # the server's span, which is active around every route
        # The attribute travels with the trace into every service that takes part.
        span.trace_context.set_trace_attribute("customer", arguments["customer"])
        with span.start_child("read the cart") as reading:
            time.sleep(0.012)
            reading.info("%d item in the cart of %s", 1, arguments["customer"])
        try:
            order = orders.call("POST", "/orders", {"item": arguments["item"]})
        except CallFailed as failure:
            span.error("checkout failed: %s", failure)
            return failure.status, {"error": "we could not take your order"}
        return "200 OK", order

    return {"GET /products": products, "POST /checkout": checkout}


if __name__ == "__main__":
    opentracing_zipkin.configure("frontend")
    serve(routes)
