"""Keeps the stock, and turns an order into a paid parcel."""

from __future__ import annotations

import time
from collections.abc import Mapping

import opentracing
import opentracing_zipkin

from .serving import Answer, View, serve
from .tracing import Client

PRICES = {"teapot": "19.90", "samovar": "149.00"}


def routes(addresses: Mapping[str, str]) -> Mapping[str, View]:
    payment = Client("orders", "payment", addresses["payment"])

    def stock(_arguments: Mapping[str, str]) -> Answer:
        with opentracing.tracer.start_active_span("read the stock") as scope:
            time.sleep(0.008)
            scope.span.info("%d products", len(PRICES))
        return "200 OK", sorted(PRICES)

    def order(arguments: Mapping[str, str]) -> Answer:
        item = arguments["item"]
        with opentracing.tracer.start_active_span("reserve the item", tags={"item": item}) as scope:
            time.sleep(0.02)
            scope.span.info("reserved %s", item)
        receipt = payment.call("POST", "/charge", {"amount": PRICES[item]})
        with opentracing.tracer.start_active_span("pack the parcel", tags={"item": item}):
            time.sleep(0.015)
        return "200 OK", {"item": item, "receipt": receipt}

    return {"GET /stock": stock, "POST /orders": order}


if __name__ == "__main__":
    opentracing_zipkin.configure("orders")
    serve(routes)
