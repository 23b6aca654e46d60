"""Charges the customer's card, which the bank may decline."""

from __future__ import annotations

import time
from collections.abc import Mapping

import opentracing
import opentracing_zipkin

from .serving import Answer, View, serve

MAX_CHARGE = 100


class CardDeclined(Exception):
    """The bank declined the card."""

    status = "402 Payment Required"


def routes(_addresses: Mapping[str, str]) -> Mapping[str, View]:
    return {"POST /charge": charge}


def charge(arguments: Mapping[str, str]) -> Answer:
    span = opentracing.tracer.active_span
    assert span is not None  # the server's span, which is active around every route
    # The frontend, which called the service that calls this one, has set the attribute.
    span.add_tag("customer", span.trace_context.get_trace_attribute("customer"))
    span.add_tag("amount", arguments["amount"])
    with span.start_child("ask the bank") as asking:
        asking.info("card number sent")
        time.sleep(0.035)
        accepted = float(arguments["amount"]) <= MAX_CHARGE
        asking.info("the bank said %s", "yes" if accepted else "no")
    if not accepted:
        raise CardDeclined("insufficient funds")
    return "200 OK", {"paid": arguments["amount"]}


if __name__ == "__main__":
    opentracing_zipkin.configure("payment")
    serve(routes)
