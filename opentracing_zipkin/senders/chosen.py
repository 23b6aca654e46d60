"""The sender that an endpoint's scheme chooses.

Rules: a sender's module is imported when it is chosen, because each broker has a client library of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..option import WrongSetting, selected
from ..options import DEFAULT_ENDPOINT, ConnectionOptions, KafkaOptions, LinkOptions
from . import Sender
from .endpoint import CONSOLE, HTTP, KAFKA, console_path, endpoints_of, kind_of
from .http import HttpSender

__all__ = ["MissingClient", "chosen_sender"]


class MissingClient(WrongSetting, ImportError):
    """A broker's client library is not installed; a WrongSetting, so that the error names the variable with the endpoint."""


def chosen_sender(given: Mapping[str, Any], path: str, media_type: str) -> Sender:
    """A sender for the setting `endpoint`, with the settings of that sender; `path` and `media_type` are the encoder's.

    Raises WrongSetting that names a wrong value and the remedy, or the extra to install.
    """
    endpoint = given.get("endpoint", DEFAULT_ENDPOINT)
    urls = endpoints_of(endpoint)
    kind = kind_of(endpoint)
    if kind == HTTP:
        return HttpSender(endpoint, path, media_type, **selected(ConnectionOptions, given))
    # Imported by statements, because bundlers do not find a module whose name is made at run time.
    if kind == CONSOLE:
        from .console import ConsoleSender

        return ConsoleSender(console_path(urls[0]))
    try:
        if kind == KAFKA:
            from .kafka import KafkaSender

            return KafkaSender(urls, **selected(KafkaOptions, given))
        from .rabbitmq import RabbitmqSender

        return RabbitmqSender(urls, **selected(LinkOptions, given))
    except ImportError as error:
        raise MissingClient("endpoint", f"cannot be used; {error}") from error
