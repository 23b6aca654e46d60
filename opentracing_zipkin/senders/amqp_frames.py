"""Frames of AMQP 0-9-1, by pika: the frames that publish a message, and the methods in the bytes from a broker.

Rules: bytes that are no frame are recognised by their beginning, before their length is used.
Source: AMQP 0-9-1, "General Specification", 2.3.5 and 4.2.
"""

from __future__ import annotations

from typing import Any

from pika import frame, spec

__all__ = ["MAX_FRAME_BYTES", "method_frame", "publish_frames", "take_method"]

MAX_FRAME_BYTES = 131_072  # RabbitMQ's default; a broker's higher limit is not used
HEADER_BYTES = 7  # type, channel, size
OVERHEAD_BYTES = 8  # the header, and the byte that marks the end
MAX_SHOWN_BYTES = 16  # of an answer that is not AMQP, in the error

_TLS_ALERT = b"\x15\x03"  # the answer of a port for TLS, which cannot read our greeting
_METHOD_FRAME = 1
_FRAME_TYPES = (_METHOD_FRAME, 2, 3, 8)  # a method, a message's header, its body, a heartbeat


def method_frame(channel: int, method: Any) -> bytes:
    """One method as a frame."""
    return bytes(frame.Method(channel, method).marshal())


def publish_frames(channel: int, queue: str, body: bytes, content_type: str, max_frame: int) -> bytes:
    """A message's frames: mandatory, so that it comes back if no queue takes it; persistent, so that it survives a restart."""
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


def take_method(received: bytearray, max_frame: int) -> Any:
    """Take the next method out of `received`; None where its end has not come yet.  Other frames are skipped.

    Raises ConnectionError for bytes that are not AMQP 0-9-1.
    """
    while len(received) >= HEADER_BYTES:
        size = int.from_bytes(received[3:HEADER_BYTES], "big")
        if received.startswith(_TLS_ALERT):
            raise ConnectionError("the port speaks TLS, so it needs amqps://")
        if received[0] not in _FRAME_TYPES or size > max_frame:
            raise ConnectionError(f"it does not speak AMQP 0-9-1: {bytes(received[:MAX_SHOWN_BYTES])!r}")
        whole = bytes(received[: size + OVERHEAD_BYTES])
        if len(whole) < size + OVERHEAD_BYTES:
            return None
        del received[: len(whole)]
        if whole[0] == _METHOD_FRAME:
            return _decoded(whole)
    return None


def _decoded(whole: bytes) -> Any:
    """The method in a frame; pika raises errors of many classes for a malformed one."""
    try:
        return frame.decode_frame(whole)[1].method
    except Exception as error:
        problem = type(error).__name__
    raise ConnectionError(f"its frame cannot be read ({problem})")
