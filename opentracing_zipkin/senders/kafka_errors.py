"""Kafka's error codes: whether and when another try makes sense, and the remedy for the operator.

Rules: only a message that can never be accepted is rejected.  A fault that can be mended at the broker is tried again, so that
the application need not be restarted.  Refused credentials are tried seldom, because some brokers lock an account after many
refusals.
Source: Kafka protocol, "Error Codes"; librdkafka's own codes are negative (rdkafka.h, rd_kafka_resp_err_t).
"""

from __future__ import annotations

from . import SendError

__all__ = ["ALL_BROKERS_DOWN", "LEADER_NOT_AVAILABLE", "SSL", "send_error"]

ALL_BROKERS_DOWN = -187
SSL = -181
LEADER_NOT_AVAILABLE = 5

# The wait until the next try after a fault that only an operator can mend.
OPERATOR_DELAY_S = 30.0

_TOO_LARGE = frozenset((10, 18))  # MSG_SIZE_TOO_LARGE, RECORD_LIST_TOO_LARGE
# INVALID_TOPIC_EXCEPTION, INVALID_REQUIRED_ACKS, POLICY_VIOLATION, UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD
_REJECTED = frozenset((17, 21, 44, 76, 87))

_CREDENTIALS = "see auth and kafka_sasl_mechanism, and the broker's listener"
_CERTIFICATES = "see ca_bundle, client_cert and kafka_tls, and the broker's listener"
_TOPIC = "make the topic at the broker, or name another one as the endpoint's path"
_OPERATOR_REMEDIES = {
    SSL: _CERTIFICATES,
    -186: _CERTIFICATES,  # _INVALID_ARG: files without a certificate or key are refused earlier
    -169: _CREDENTIALS,  # _AUTHENTICATION
    33: _CREDENTIALS,  # UNSUPPORTED_SASL_MECHANISM
    34: _CREDENTIALS,  # ILLEGAL_SASL_STATE
    58: _CREDENTIALS,  # SASL_AUTHENTICATION_FAILED
    29: "let this user write to the topic and describe it",  # TOPIC_AUTHORIZATION_FAILED
    31: "let this user write to this cluster",  # CLUSTER_AUTHORIZATION_FAILED
    -188: _TOPIC,  # _UNKNOWN_TOPIC
    3: _TOPIC,  # UNKNOWN_TOPIC_OR_PART
}
_REMEDIES = {
    **_OPERATOR_REMEDIES,
    10: "a single span of this size needs a larger max.message.bytes of the topic",
    19: "see the topic's min.insync.replicas, and whether its brokers run",  # NOT_ENOUGH_REPLICAS
    20: "see the topic's min.insync.replicas, and whether its brokers run",  # NOT_ENOUGH_REPLICAS_AFTER_APPEND
    LEADER_NOT_AVAILABLE: "see whether the brokers with its replicas run",
    87: "a message of spans has no key, so the topic may not be compacted (cleanup.policy)",  # INVALID_RECORD
}


def send_error(code: int, reason: str) -> SendError:
    """The error for a code of the broker or the client, 0 for none; `reason` has no secrets."""
    remedy = _REMEDIES.get(code, "")
    too_large = code in _TOO_LARGE
    return SendError(
        f"{reason}; {remedy}" if remedy else reason,
        retryable=not too_large and code not in _REJECTED,
        too_large=too_large,
        retry_after=OPERATOR_DELAY_S if code in _OPERATOR_REMEDIES else 0.0,
    )
