"""The sender that an endpoint's scheme chooses.

Rules: a sender's module is imported when it is chosen, because each broker has a client library of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..option import selected
from ..options import DEFAULT_ENDPOINT, ConnectionOptions, KafkaOptions, LinkOptions
from . import Sender
from .endpoint import CONSOLE, KAFKA, RABBITMQ, console_path, endpoints_of, kind_of
from .http import HttpSender

__all__ = ["chosen_sender"]


def chosen_sender(given: Mapping[str, Any], path: str, media_type: str) -> Sender:
    """By the setting `endpoint` and those of its sender; `path` and `media_type` are the encoder's.

    Raises ValueError that names a wrong value and the remedy, ImportError that names the extra to install.
    """
    endpoint = given.get("endpoint", DEFAULT_ENDPOINT)
    urls = endpoints_of(endpoint)
    kind = kind_of(endpoint)
    # By statement: what is imported by a name made at run time is not found by bundlers.
    if kind == KAFKA:
        from .kafka import KafkaSender

        return KafkaSender(urls, **selected(KafkaOptions, given))
    if kind == RABBITMQ:
        from .rabbitmq import RabbitmqSender

        return RabbitmqSender(urls, **selected(LinkOptions, given))
    if kind == CONSOLE:
        from .console import ConsoleSender

        return ConsoleSender(console_path(urls[0]))
    return HttpSender(endpoint, path, media_type, **selected(ConnectionOptions, given))
