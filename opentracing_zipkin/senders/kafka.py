"""Kafka: one encoded list of spans a message, without a key, and `send` returns when the broker has it.

Rules: the client has one message at a time, and one `send` is one try.  After a failure the client is thrown away, and the next
`send` makes another.  So the failed message is not delivered later as a second copy, no delay of the client's own is left, and
it looks for the brokers anew.  A message on its way at the deadline may still arrive, so delivery is at least once.
Credentials appear neither in errors nor in a repr, and no error has another in its chain.
"""

from __future__ import annotations

import _thread
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any

from ..clock import monotonic
from ..option import WrongSetting, check_group
from ..options import KafkaOptions
from . import SendError
from .broker_url import KAFKA_REMEDY, kafka_url
from .kafka_client import BrokerState, Producer, client_configuration, make_client
from .kafka_errors import LEADER_NOT_AVAILABLE, send_error

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["KafkaSender"]

DEFAULT_TOPIC = "zipkin"
MAX_POLL_S = 0.05  # short, so that a `limit` set meanwhile by another thread counts at once
MAX_GREENLET_POLL_S = 0.002
# The part of a message's time that is kept to ask the client why the message was not accepted.
REASON_SHARE = 0.05
MAX_REASON_S = 0.5

_PRODUCER_REMEDY = "use a confluent_kafka.Producer, or a function that makes one"
_INHERITED = (
    "the producer was made before this process was forked, and cannot be used here; "
    "give a function that makes one, so that each process has its own"
)

# Clients inherited by a fork.  They are kept, because their destructor would wait for threads that do not exist here.
_inherited: list[object] = []


class KafkaSender:
    """Owns a Kafka client and its threads; may be used from one thread at a time.

    Give either `endpoint`, `kafka://user:password@one:9092,two:9092/topic`, or `producer` and `topic`.  `producer` is the
    application's confluent_kafka.Producer, which is never closed here, or a function that makes one for this sender alone.  The
    other arguments are the settings of the group KafkaOptions, as in docs/reference/configuration.md; with a producer,
    `send_timeout` is the only one.  Raises ValueError that names a wrong value and the remedy, ImportError where
    confluent-kafka is missing.
    """

    # The broker's default limit is 1 MiB, and the client compares it with the message before compression.
    max_bytes = 512 * 1024

    def __init__(
        self,
        endpoint: str | Sequence[str] | None = None,
        *,
        producer: Producer | Callable[[], Producer] | None = None,
        topic: str = DEFAULT_TOPIC,
        **given: Unpack[KafkaOptions],
    ) -> None:
        own = check_group("KafkaSender()", KafkaOptions, given)
        self._timeout: float = own["send_timeout"]
        self._limit = float("inf")  # for one `send`, set when the process ends
        self._client: Any = None
        self._reports: list[Any] = []  # the client's report about the message: an error, or None for success
        self._waiting: bytes | None = None  # a message that the application's producer still has
        self._state = BrokerState(())
        self._is_own = True
        if producer is None:
            self._use_endpoint(endpoint, topic, own, given)
        else:
            self._use_producer(producer, endpoint, topic, given)

    def _use_endpoint(self, endpoint: Any, topic: str, own: dict[str, Any], given: Any) -> None:
        if endpoint is None:
            raise WrongSetting("endpoint", f"is None, and no producer is given; {KAFKA_REMEDY}")
        if topic != DEFAULT_TOPIC:
            raise WrongSetting("topic", f"is for a producer; {KAFKA_REMEDY}")
        url = kafka_url(endpoint)
        self._topic, self._shown = url.topic, repr(url)
        configuration = client_configuration(url, own, given)
        secrets = (configuration.get("sasl.password", ""),)
        make = make_client()

        def make_own() -> Producer:
            self._state = BrokerState(secrets)
            return make(configuration, self._state)

        self._make: Callable[[], Producer] = make_own

    def _use_producer(self, producer: Any, endpoint: Any, topic: str, given: Any) -> None:
        for name in ("endpoint", *given):
            value = endpoint if name == "endpoint" else given[name]
            if value is not None and name != "send_timeout":
                raise WrongSetting(name, "is given beside producer, which has its own; leave out one of them")
        if not isinstance(topic, str) or not topic:
            raise WrongSetting("topic", f"is {topic!r}; use the topic that the Zipkin server reads, for instance 'zipkin'")
        self._topic, self._shown = topic, f"topic {topic}"
        if callable(producer):
            self._make = producer
        elif callable(getattr(producer, "produce", None)) and callable(getattr(producer, "poll", None)):
            self._client, self._is_own = producer, False
        else:
            raise WrongSetting("producer", f"is of type {type(producer).__name__}; {_PRODUCER_REMEDY}")

    def send(self, body: bytes, /) -> None:
        error: SendError | None = None
        is_client_good = False
        try:
            error = self._try(body, monotonic())
            is_client_good = error is None or error.too_large
        except Exception as raised:  # raised by the client, for instance for a file without a certificate
            error = self._failure(*_code_and_reason(raised))
            is_client_good = error.too_large
        finally:
            if not is_client_good and self._is_own:
                self._drop()
        if error is not None:  # raised outside the block, so that it has no other in its chain
            raise error

    def _try(self, body: bytes, begun_s: float) -> SendError | None:
        if self._client is None and not self._is_own:
            return SendError(f"{self._shown}: {_INHERITED}", retryable=False)
        client = self._polled_client()
        if self._waiting != body:
            self._waiting, self._reports = None, []
            client.produce(self._topic, value=body, on_delivery=_appending(self._reports))
        self._await_report(client, begun_s)
        if self._reports:
            self._waiting = None
            if self._reports[0] is not None:
                return self._failure(*_code_and_reason(self._reports[0]))
            self._state.recover()
            return None
        if not self._is_own:
            self._waiting = body  # the producer keeps it, so the next `send` of it only waits
        return self._failure(*(self._reason() or (0, f"not acknowledged within {min(self._timeout, self._limit):.3g} s")))

    def _polled_client(self) -> Any:
        """The client after its callbacks for past events; a new one if it has lost all brokers meanwhile."""
        if self._client is not None and self._is_own:
            self._client.poll(0)
            if self._state.has_lost_all:
                self._drop()
            else:
                self._state.recover()  # forget failures since the last message
        if self._client is None:
            self._client = self._make()
        return self._client

    def _await_report(self, client: Any, begun_s: float) -> None:
        while not self._reports and not self._state.is_down():
            whole_s = min(self._timeout, self._limit)
            left_s = begun_s + whole_s - self._max_reason_s(whole_s) - monotonic()
            _poll(client, max(left_s, 0.0))
            if left_s <= 0:
                return

    def _max_reason_s(self, whole_s: float) -> float:
        return min(whole_s * REASON_SHARE, MAX_REASON_S) if self._is_own else 0.0

    def _reason(self) -> tuple[int, str] | None:
        """The code and the reason why the message was not acknowledged; None where they are unknown."""
        reason = self._state.reason()
        if reason is not None:
            return reason
        if not self._is_own or _starts_greenlets():
            return None
        with suppress(Exception):  # no broker answers this question either
            found = self._client.list_topics(self._topic, timeout=self._max_reason_s(min(self._timeout, self._limit)))
            topic = found.topics[self._topic]
            if topic.error is not None:
                return _code_and_reason(topic.error)
            orphans = [number for number, partition in sorted(topic.partitions.items()) if partition.leader < 0]
            if orphans:
                return LEADER_NOT_AVAILABLE, f"partition {orphans[0]} of the topic has no leader"
        return None

    def _failure(self, code: int, reason: str) -> SendError:
        return send_error(code, f"{self._shown}: {self._state.shown(reason)}")

    def limit(self, seconds: float) -> None:
        self._limit = min(self._limit, max(seconds, 0.001))

    def close(self) -> None:
        """Close the client; the application's own producer stays open."""
        if self._is_own:
            self._drop()

    def _drop(self) -> None:
        """Forget the client and its message; the client's threads end with it."""
        client, self._client = self._client, None
        self._waiting, self._reports = None, []
        if client is not None:
            with suppress(Exception):  # an old version, or a producer of another class, has no `purge`
                client.purge()
        # The last reference ends the client at once; its `close` would wait for unsent messages.
        del client

    def renew_after_fork(self) -> None:
        """Forget the parent's client, but keep the object: its destructor would wait for threads that do not exist here."""
        if self._client is not None:
            _inherited.append(self._client)
        self._client, self._waiting, self._reports = None, None, []
        self._state = BrokerState(())

    def __repr__(self) -> str:
        return f"KafkaSender({self._shown!r})"


def _poll(client: Any, patience_s: float) -> None:
    """Let the client make its callbacks, and wait a little for new ones."""
    if not _starts_greenlets():
        client.poll(min(patience_s, MAX_POLL_S))
    elif not client.poll(0):  # to wait inside the client would stop all greenlets
        time.sleep(min(patience_s, MAX_GREENLET_POLL_S))


def _appending(reports: list[Any]) -> Callable[[Any, Any], None]:
    return lambda error, message: reports.append(error)


def _code_and_reason(error: Any) -> tuple[int, str]:
    """Code and reason of a KafkaError, of a KafkaException with one, or of any other exception (with code 0)."""
    inner = error.args[0] if isinstance(error, Exception) and error.args else error
    if callable(getattr(inner, "code", None)) and callable(getattr(inner, "str", None)):
        return inner.code(), inner.str()
    return 0, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _starts_greenlets() -> bool:
    """Whether a thread that is started now would be a greenlet, because gevent or eventlet has patched."""
    return type(_thread.start_new_thread) is not BuiltinFunctionType
