"""The requests of the demo, and the spans that each of them must cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["VISITS", "Json", "SpanKey", "Visit", "key_of"]

Json = dict[str, Any]  # a span in the form of a query API


class SpanKey(NamedTuple):
    """The fields that distinguish a span; `kind` is "" for a local span."""

    service: str
    kind: str
    name: str


def key_of(span: Json) -> SpanKey:
    """The service, kind and name of a span."""
    service = (span.get("localEndpoint") or {}).get("serviceName", "")
    return SpanKey(service, span.get("kind") or "", span.get("name", ""))


class Visit(NamedTuple):
    """One request to the frontend."""

    title: str
    method: str
    path: str
    arguments: Mapping[str, str]
    status: int
    spans: tuple[SpanKey, ...]


_PRODUCTS = (
    SpanKey("frontend", "SERVER", "get /products"),
    SpanKey("frontend", "CLIENT", "get /stock"),
    SpanKey("orders", "SERVER", "get /stock"),
    SpanKey("orders", "", "read the stock"),
)

_DECLINED = (
    SpanKey("frontend", "SERVER", "post /checkout"),
    SpanKey("frontend", "", "read the cart"),
    SpanKey("frontend", "CLIENT", "post /orders"),
    SpanKey("orders", "SERVER", "post /orders"),
    SpanKey("orders", "", "reserve the item"),
    SpanKey("orders", "CLIENT", "post /charge"),
    SpanKey("payment", "SERVER", "post /charge"),
    SpanKey("payment", "", "ask the bank"),
)

_PAID = (*_DECLINED, SpanKey("orders", "", "pack the parcel"))

VISITS = (
    Visit("Ada looks around", "GET", "/products", {}, 200, _PRODUCTS),
    Visit("Ada buys a teapot", "POST", "/checkout", {"customer": "Ada", "item": "teapot"}, 200, _PAID),
    Visit("Bob's card is declined", "POST", "/checkout", {"customer": "Bob", "item": "samovar"}, 502, _DECLINED),
)
