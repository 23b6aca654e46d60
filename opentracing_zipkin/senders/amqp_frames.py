"""Frames of AMQP 0-9-1, by pika: a message as the frames that publish it, and the methods in what a broker has said.

Rules: what is no frame is told by its beginning, before its length is believed.
Source: AMQP 0-9-1, "General Specification", 2.3.5 and 4.2.
"""

from __future__ import annotations

from typing import Any

from pika import frame, spec

__all__ = ["MAX_FRAME_BYTES", "method_frame", "method_in", "publishing"]

MAX_FRAME_BYTES = 131_072  # RabbitMQ's own, where it names no limit or a higher one
HEADER_BYTES = 7  # type, channel, size
OVERHEAD_BYTES = 8  # the header, and the mark at the end
SHOWN_BYTES = 16  # of what is no AMQP

_ALERT = b"\x15\x03"  # of TLS, which takes our greeting for nonsense
_METHOD = 1
_KINDS = (_METHOD, 2, 3, 8)  # beside it: a message's header, its body, a heartbeat


def method_frame(channel: int, method: Any) -> bytes:
    """One method as a frame."""
    return bytes(frame.Method(channel, method).marshal())


def publishing(channel: int, queue: str, body: bytes, content_type: str, max_frame: int) -> bytes:
    """Mandatory, so that a message that no queue takes comes back, and persistent, so that it outlives the broker."""
    publish = spec.Basic.Publish(exchange="", routing_key=queue, mandatory=True)
    properties = spec.BasicProperties(content_type=content_type, delivery_mode=spec.PERSISTENT_DELIVERY_MODE)
    step = max_frame - OVERHEAD_BYTES
    parts = (body[start : start + step] for start in range(0, len(body), step))
    return b"".join(
        (
            method_frame(channel, publish),
            frame.Header(channel, len(body), properties).marshal(),
            *(frame.Body(channel, part).marshal() for part in parts),
        )
    )


def method_in(received: bytearray, max_frame: int) -> Any:
    """Take the next method; None where more has to come.  What else comes, a message that was returned, is passed over.

    Raises ConnectionError for what is no AMQP 0-9-1.
    """
    while len(received) >= HEADER_BYTES:
        size = int.from_bytes(received[3:HEADER_BYTES], "big")
        if received.startswith(_ALERT):
            raise ConnectionError("the port speaks TLS, so it needs amqps://")
        if received[0] not in _KINDS or size > max_frame:
            raise ConnectionError(f"it does not speak AMQP 0-9-1: {bytes(received[:SHOWN_BYTES])!r}")
        whole = bytes(received[: size + OVERHEAD_BYTES])
        if len(whole) < size + OVERHEAD_BYTES:
            return None
        del received[: len(whole)]
        if whole[0] == _METHOD:
            return _decoded(whole)
    return None


def _decoded(whole: bytes) -> Any:
    """The method of a frame; pika raises all kinds of errors for one that is none."""
    try:
        return frame.decode_frame(whole)[1].method
    except Exception as error:
        problem = type(error).__name__
    raise ConnectionError(f"its frame cannot be read ({problem})")
