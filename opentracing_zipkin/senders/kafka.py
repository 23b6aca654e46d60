"""Kafka: one encoded list of spans a message, without a key, and `send` returns when the broker has it.

Rules: one message is with the client at a time, and one try is one `send`.  After a failure the client is thrown away and the
next `send` makes another: it has forgotten the message, so that it is not delivered later as a second copy, knows no delays of
its own, and looks for the brokers anew.  A message that was on its way when its time was over may still arrive: at least once.
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
from .kafka_client import Producer, Watch, checked_configuration, make_client
from .kafka_errors import LEADER_NOT_AVAILABLE, send_error

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["KafkaSender"]

DEFAULT_TOPIC = "zipkin"
POLL_S = 0.05  # so that `limit`, called meanwhile by another thread, counts at once
GREENLET_POLL_S = 0.002
# Of the time of a message, to ask why it was not accepted.
REASON_SHARE = 0.05
MAX_REASON_S = 0.5

_PRODUCER_REMEDY = "use a confluent_kafka.Producer, or a function that makes one"
_INHERITED = (
    "the producer was made before this process was forked, and cannot be used here; "
    "give a function that makes one, so that each process has its own"
)

# Clients of the processes that this one was forked from: their end would wait for threads that are not here.
_inherited: list[object] = []


class KafkaSender:
    """Owns a client of Kafka's, with its threads; may be used from one thread at a time.

    `endpoint`: `kafka://user:password@one:9092,two:9092/topic`; or `producer`, a confluent_kafka.Producer of the application's
    that is never closed here, or a function that makes one for this sender alone, and then `topic`.  The other arguments are
    the settings of the group KafkaOptions, as in docs/reference/configuration.md; beside a producer there is `send_timeout`
    only.  Raises ValueError that names a wrong value and the remedy, ImportError where confluent-kafka is missing.
    """

    # The broker's own limit is 1 MiB, and the client counts the message as it is before compression.
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
        self._limit = float("inf")  # for a whole `send`, while the process ends
        self._client: Any = None
        self._reports: list[Any] = []  # of the message that is with the client: its error, or None
        self._waiting: bytes | None = None  # a message that was left to the application's producer
        self._watch = Watch(())
        self._is_own = True
        if producer is None:
            self._set_up(endpoint, topic, own, given)
        else:
            self._take(producer, endpoint, topic, given)

    def _set_up(self, endpoint: Any, topic: str, own: dict[str, Any], given: Any) -> None:
        if endpoint is None:
            raise WrongSetting("endpoint", f"is None, and no producer is given; {KAFKA_REMEDY}")
        if topic != DEFAULT_TOPIC:
            raise WrongSetting("topic", f"is for a producer; {KAFKA_REMEDY}")
        url = kafka_url(endpoint)
        self._topic, self._shown = url.topic, repr(url)
        configuration = checked_configuration(url, own, given)
        secrets = (configuration.get("sasl.password", ""),)
        make = make_client()

        def make_watched() -> Producer:
            self._watch = Watch(secrets)
            return make(configuration, self._watch)

        self._make: Callable[[], Producer] = make_watched

    def _take(self, producer: Any, endpoint: Any, topic: str, given: Any) -> None:
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
            error = self._tried(body, monotonic())
            is_client_good = error is None or error.too_large
        except Exception as raised:  # the client's own, such as for a file that is no certificate
            error = self._failure(*_said(raised))
            is_client_good = error.too_large
        finally:
            if not is_client_good and self._is_own:
                self._drop()
        if error is not None:  # raised out of the block, so that no other is in its chain
            raise error

    def _tried(self, body: bytes, begun_s: float) -> SendError | None:
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
                return self._failure(*_said(self._reports[0]))
            self._watch.recover()
            return None
        if not self._is_own:
            self._waiting = body  # for the next `send` of it, because the application's producer keeps it
        return self._failure(*(self._reason() or (0, f"not acknowledged within {min(self._timeout, self._limit):.3g} s")))

    def _polled_client(self) -> Any:
        """A client that has told all that has happened to it; a new one where its brokers are gone by then."""
        if self._client is not None and self._is_own:
            self._client.poll(0)
            if self._watch.has_lost_all:
                self._drop()
            else:
                self._watch.recover()  # from what failed meanwhile
        if self._client is None:
            self._client = self._make()
        return self._client

    def _await_report(self, client: Any, begun_s: float) -> None:
        while not self._reports and not self._watch.is_down():
            whole_s = min(self._timeout, self._limit)
            left_s = begun_s + whole_s - self._reason_s(whole_s) - monotonic()
            _poll(client, max(left_s, 0.0))
            if left_s <= 0:
                return

    def _reason_s(self, whole_s: float) -> float:
        return min(whole_s * REASON_SHARE, MAX_REASON_S) if self._is_own else 0.0

    def _reason(self) -> tuple[int, str] | None:
        """Why nothing was acknowledged; None where nobody knows."""
        reason = self._watch.reason()
        if reason is not None:
            return reason
        if not self._is_own or _is_in_greenlet():
            return None
        with suppress(Exception):  # nobody answers, as before
            found = self._client.list_topics(self._topic, timeout=self._reason_s(min(self._timeout, self._limit)))
            topic = found.topics[self._topic]
            if topic.error is not None:
                return _said(topic.error)
            orphans = [number for number, partition in sorted(topic.partitions.items()) if partition.leader < 0]
            if orphans:
                return LEADER_NOT_AVAILABLE, f"partition {orphans[0]} of the topic has no leader"
        return None

    def _failure(self, code: int, reason: str) -> SendError:
        return send_error(code, f"{self._shown}: {self._watch.shown(reason)}")

    def limit(self, seconds: float) -> None:
        self._limit = min(self._limit, max(seconds, 0.001))

    def close(self) -> None:
        """A producer of the application's stays open."""
        if self._is_own:
            self._drop()

    def _drop(self) -> None:
        """Forget the client and its message; its threads end with it."""
        client, self._client = self._client, None
        self._waiting, self._reports = None, []
        if client is not None:
            with suppress(Exception):  # an older one, or another class
                client.purge()
        # The last reference to it: `close` would wait for what was not sent.
        del client

    def renew_after_fork(self) -> None:
        """The parent's client is kept as it is: it has no threads here, and its end would wait for them."""
        if self._client is not None:
            _inherited.append(self._client)
        self._client, self._waiting, self._reports = None, None, []
        self._watch = Watch(())

    def __repr__(self) -> str:
        return f"KafkaSender({self._shown!r})"


def _poll(client: Any, patience_s: float) -> None:
    """Let the client tell what has happened; wait a little for it."""
    if not _is_in_greenlet():
        client.poll(min(patience_s, POLL_S))
    elif not client.poll(0):  # waiting in it would stop all greenlets
        time.sleep(min(patience_s, GREENLET_POLL_S))


def _appending(reports: list[Any]) -> Callable[[Any, Any], None]:
    return lambda error, message: reports.append(error)


def _said(error: Any) -> tuple[int, str]:
    """Code and words of a KafkaError, of a KafkaException that holds one, or of any exception."""
    inner = error.args[0] if isinstance(error, Exception) and error.args else error
    if callable(getattr(inner, "code", None)) and callable(getattr(inner, "str", None)):
        return inner.code(), inner.str()
    return 0, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _is_in_greenlet() -> bool:
    """Whether gevent or eventlet have put greenlets in the place of threads."""
    return type(_thread.start_new_thread) is not BuiltinFunctionType
