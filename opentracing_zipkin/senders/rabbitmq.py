"""RabbitMQ with pika: one kept connection, each message persistent and confirmed by the broker.

Rules: a message counts as accepted when a queue has it and the broker has confirmed it.  If the broker has closed an idle
connection, the same `send` opens a new one; this is no failure.  A refusal of the user, the virtual host or a permission is for
good, like HTTP's 401, 403 and 404, because somebody has to change a setting.  A missing queue may be there later: the Zipkin
server declares it when it starts.
Credentials appear neither in errors nor in a repr, and an error has no other in its chain.  Nothing is logged, not even
by pika: only the part of pika that reads and writes frames is used.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ..clock import monotonic
from ..option import WrongSetting, check_group
from ..options import LinkOptions
from . import SendError
from .broker_url import RabbitmqUrl, rabbitmq_urls
from .checks import check_auth, check_cert, check_file, check_readable, tls_context
from .connection import Terms
from .credentials import line_without
from .failover import Failover

try:
    from .amqp import Login, Nacked, Publisher, Refused, Unroutable
except ImportError as error:
    raise ImportError(
        "an endpoint with amqp:// needs pika: install the extra 'rabbitmq' of the distribution 'opentracing' "
        "(in the repository: pip install '.[rabbitmq]')"
    ) from error

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RabbitmqSender"]

# By the message's first byte, by which Zipkin, too, recognises the encoding.
_CONTENT_TYPES = {b"[": "application/json", b"\n": "application/x-protobuf", b"\x0c": "application/x-thrift"}
_CONTENT_TOO_LARGE, _REFUSED, _NOT_FOUND, _LOCKED, _PRECONDITION, _NOT_ALLOWED = 311, 403, 404, 405, 406, 530

_REMEDIES = {
    "log in": "give user and password in the endpoint, or as auth; guest may log in on the broker's own machine only",
    "open": "name a virtual host that exists and that the user may access: amqp://user:password@host/vhost",
    "queue": "let the user read the queue, or name another one with ?queue=",
    "declare": "declare the queue, start the Zipkin server, which does it, or let the user configure it",
    "publish": "let the user write to the exchange amq.default",
}


class RabbitmqSender:
    """Owns a connection to the broker; may be used from one thread at a time.

    `endpoint` is a broker's URL, `amqp://user:password@host:5672/vhost?queue=zipkin` or `amqps://…`, or several, which are
    tried in turn.  The other arguments are settings, as in docs/reference/configuration.md.  Raises ValueError that names a
    wrong value and the remedy.
    """

    max_bytes = 512 * 1024

    def __init__(self, endpoint: str | Sequence[str], **given: Unpack[LinkOptions]) -> None:
        own = check_group("RabbitmqSender()", LinkOptions, given)
        self._urls = rabbitmq_urls(endpoint)
        self._failover = Failover(self._urls, own["send_timeout"])
        self._auth = check_auth(own["auth"], "UTF-8")
        self._ca_bundle = DEFAULT_CA_BUNDLE_PATH if own["ca_bundle"] is None else check_file("ca_bundle", own["ca_bundle"])
        self._has_own_ca = own["ca_bundle"] is not None
        self._cert = check_cert(own["client_cert"], own["client_key"])
        self._logins = {url: self._login(url) for url in self._urls}
        if any(url.tls for url in self._urls):
            check_readable(self._ca_bundle, self._cert)
        self._publisher: Publisher | None = None
        self._connected_url: RabbitmqUrl | None = None  # the broker that `_publisher` is connected to
        self._terms = Terms(0)

    def _login(self, url: RabbitmqUrl) -> Login:
        if self._auth is not None:
            return self._auth
        if url.user is None:
            return None
        if url.password is None:
            raise WrongSetting(
                "endpoint", f"is {url!r} with a user and no password; write user:password@, or give both as auth"
            )
        return url.user, url.password

    def send(self, body: bytes, /) -> None:
        self._failover.send(self._send_to, body)

    def _send_to(self, url: RabbitmqUrl, body: bytes, timeout: float) -> None:
        failure: SendError | None = None
        if url != self._connected_url:
            self._drop_connection()
        self._connected_url = url
        self._terms.ends_at_s = monotonic() + timeout
        try:
            self._publish(url, body)
        except Exception as error:
            failure = self._failure(url, error)
        except BaseException:  # an interruption may have left half a frame on the connection
            self._drop_connection()
            raise
        if failure is not None:  # raised outside the block, so that it has no other error in its chain
            raise failure

    def _publish(self, url: RabbitmqUrl, body: bytes) -> None:
        """Publish over the open connection; if it turns out to be closed, over a new one."""
        content_type = _CONTENT_TYPES.get(body[:1], "application/octet-stream")
        publisher = self._publisher
        if publisher is not None and publisher.is_usable(body):
            try:
                return publisher.publish(body, content_type)
            except TimeoutError:
                raise
            except (OSError, Unroutable, Refused) as error:
                if isinstance(error, Refused) and _is_too_large(error):
                    raise
        self._close_connection()
        self._publisher = publisher = Publisher(url, self._context_of(url), self._terms)
        publisher.open(self._logins[url], url.vhost)
        return publisher.publish(body, content_type)

    def _context_of(self, url: RabbitmqUrl) -> ssl.SSLContext | None:
        """The TLS context of a new connection; it is made each time, because certificate files may have been renewed."""
        return tls_context(self._ca_bundle, self._cert) if url.tls else None

    # The error for a failure

    def _failure(self, url: RabbitmqUrl, error: Exception) -> SendError:
        publisher = self._publisher
        if isinstance(error, Nacked):
            return self._send_error(
                url, "the broker did not take the message (basic.nack); the queue may be full", retryable=True
            )
        if isinstance(error, TimeoutError) and publisher is not None and publisher.blocked:
            if len(self._urls) > 1:
                self._drop_connection()
            said = f"the broker takes no messages for now (connection.blocked: {publisher.blocked})"
            return self._send_error(url, said, retryable=True)
        if isinstance(error, (Refused, Unroutable)):
            self._close_connection()
        else:
            self._drop_connection()
        if isinstance(error, Unroutable):
            said = f"no queue has taken the message ({error}); does the queue exist?"
            return self._send_error(url, said, retryable=True)
        if isinstance(error, Refused):
            return self._refusal(url, error)
        # A ValueError is due to the request itself, for instance to an impossible host name, so a retry makes no sense.
        may_pass = isinstance(error, OSError) or not isinstance(error, ValueError)
        return self._send_error(url, self._reason(error), retryable=may_pass)

    def _refusal(self, url: RabbitmqUrl, refusal: Refused) -> SendError:
        if _is_too_large(refusal):
            return self._send_error(url, refusal.text, retryable=False, too_large=True)
        is_lasting = refusal.code in (0, _REFUSED, _NOT_FOUND, _LOCKED, _PRECONDITION, _NOT_ALLOWED)
        if not is_lasting or "limit" in refusal.text:  # for instance a limit of connections
            return self._send_error(url, f"the broker has closed the connection: {refusal.text}", retryable=True)
        said = f"the broker refuses: {refusal.text.rstrip('.')}; {_REMEDIES[refusal.stage]}"
        return self._send_error(url, said, retryable=refusal.stage == "declare")

    def _reason(self, error: Exception) -> str:
        is_ours = type(error) in (TimeoutError, ConnectionError, ConnectionAbortedError)
        reason = str(error) if is_ours else f"{type(error).__name__}: {error}"
        if "CERTIFICATE_VERIFY_FAILED" in reason and not self._has_own_ca:
            reason += "; give the authority's certificate as ca_bundle"
        if "WRONG_VERSION_NUMBER" in reason:
            reason += "; a port without TLS needs amqp://"
        return reason

    def _send_error(self, url: RabbitmqUrl, reason: str, *, retryable: bool, too_large: bool = False) -> SendError:
        return SendError(f"{url!r}: {line_without(self._secrets(), reason)}", retryable=retryable, too_large=too_large)

    def _secrets(self) -> Iterator[str]:
        """The passwords; a user with a password is no secret."""
        for login in self._logins.values():
            if login is not None:
                yield login[1]

    # The connection

    def limit(self, seconds: float) -> None:
        self._failover.limit(seconds)

    def close(self) -> None:
        self._terms.ends_at_s = monotonic() + self._failover.max_s
        self._close_connection()

    def _close_connection(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()

    def _drop_connection(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.drop()

    def renew_after_fork(self) -> None:
        """Forget the connection, which the parent still uses, and send nothing on it."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.forget()

    def __repr__(self) -> str:
        return f"RabbitmqSender({', '.join(map(repr, map(repr, self._urls)))})"


def _is_too_large(refusal: Refused) -> bool:
    return refusal.code == _CONTENT_TOO_LARGE or (refusal.code == _PRECONDITION and "message size" in refusal.text)
