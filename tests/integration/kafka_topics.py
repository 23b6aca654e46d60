"""Topics of a real Kafka, as the tests of its sender need them: a broker with TLS and passwords for the session, and what is in
a topic.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import trustme
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ..ports import free_port
from .kafka_server import KafkaServer

__all__ = ["IDLE_S", "USER", "KafkaBroker", "spans_in"]

# This user can log in by each mechanism, PLAIN and SCRAM.
USER = ("writer", "sword fish%")
LISTENERS = {"PROXIED": "PLAINTEXT", "PASSWORDS": "SASL_PLAINTEXT", "SECRET": "SSL", "MUTUAL": "SSL", "CLOSED": "SASL_SSL"}
IDLE_S = 3  # the broker closes a connection that is idle for so long
QUIET_S = 0.5
ADMIN_TIMEOUT_S = 30.0


class KafkaBroker(KafkaServer):
    """One broker that makes no topics by itself, with a listener for each way to it.

    Clients of the listener PROXIED are told to come to `proxied`.  `authority` is the certificate to trust, `client_cert` one
    that it trusts.
    """

    def __init__(self, folder: Path) -> None:
        self.authority, self.client_cert, server = (str(folder / f"{name}.pem") for name in ("authority", "client", "server"))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        authority.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(self.client_cert)
        _write_store(authority.issue_cert("127.0.0.1"), server)
        settings = {**_tls_settings(server, self.authority), **_users(), "connections.max.idle.ms": IDLE_S * 1000}
        super().__init__(listeners=LISTENERS, auto_create=False, settings=settings)
        self.proxied = f"127.0.0.1:{free_port()}"

    def make(self) -> None:
        advertised = {**{name: self.address_of(name) for name in ("PLAINTEXT", *LISTENERS)}, "PROXIED": self.proxied}
        self._settings["advertised.listeners"] = ",".join(f"{name}://{address}" for name, address in advertised.items())
        super().make()

    def admin(self) -> AdminClient:
        """A new client for each use: the broker closes idle connections, and a request at that moment fails.

        Hold the client until its answer has come, because its end cancels the request.
        """
        return AdminClient({"bootstrap.servers": self.address}, logger=logging.getLogger("tests.kafka"))

    def add_users(self) -> None:
        """Add the user for SCRAM; the settings have it for PLAIN."""
        user, password = USER
        admin = self.admin()
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(mechanism, 4096)
            upsertion = UserScramCredentialUpsertion(user, info, password.encode(), os.urandom(8))
            admin.alter_user_scram_credentials([upsertion])[user].result(ADMIN_TIMEOUT_S)

    def topic(self, replicas: Sequence[int] = (1,), **settings: str) -> str:
        """A new topic of one partition; a setting's dots are underscores here."""
        name = f"spans-{uuid4().hex[:8]}"
        config = {setting.replace("_", "."): value for setting, value in settings.items()}
        self.make_topic(name, replicas, config)
        return name

    def make_topic(self, name: str, replicas: Sequence[int] = (1,), config: Mapping[str, str] | None = None) -> None:
        topic = NewTopic(name, 1, replica_assignment=[list(replicas)], config=dict(config or {}))
        admin = self.admin()
        admin.create_topics([topic])[name].result(ADMIN_TIMEOUT_S)

    def forbidden_topic(self) -> str:
        """A new topic that only an absent user may write to."""
        name, resource, pattern = self.topic(), ResourceType.TOPIC, ResourcePatternType.LITERAL
        binding = AclBinding(resource, name, pattern, "User:nobody", "*", AclOperation.ALL, AclPermissionType.ALLOW)
        admin = self.admin()
        [done] = admin.create_acls([binding]).values()
        done.result(ADMIN_TIMEOUT_S)
        return name

    def messages(self, topic: str) -> list[bytes]:
        """All messages in the topic, when no more arrive."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "test", "enable.auto.commit": False})
        partition = TopicPartition(topic, 0, 0)
        try:
            found: list[bytes] = []
            deadline, end, quiet_since = time.monotonic() + ADMIN_TIMEOUT_S, -1, time.monotonic()
            consumer.assign([partition])
            while time.monotonic() < deadline:
                found += [message.value() or b"" for message in consumer.consume(1000, timeout=0.05) if message.error() is None]
                _, high = consumer.get_watermark_offsets(partition, timeout=10)
                if high != end:
                    end, quiet_since = high, time.monotonic()
                elif len(found) >= end and time.monotonic() - quiet_since > QUIET_S:
                    return found
            raise AssertionError(f"{len(found)} messages, and the topic's end is {end}")
        finally:
            consumer.close()


def _write_store(certificate: trustme.LeafCert, path: str) -> None:
    """Write the certificate with its key to one file; Java wants the key as PKCS #8."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    Path(path).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)


def _tls_settings(store: str, authority: str) -> Mapping[str, object]:
    stores = {"keystore.type": "PEM", "keystore.location": store, "truststore.type": "PEM", "truststore.location": authority}
    settings = {
        f"listener.name.{name}.ssl.{key}": value for name in ("secret", "mutual", "closed") for key, value in stores.items()
    }
    return {**settings, "listener.name.mutual.ssl.client.auth": "required"}


def _users() -> Mapping[str, object]:
    module, (user, password) = "org.apache.kafka.common.security", USER
    scram, plain = f"{module}.scram.ScramLoginModule required;", f"{module}.plain.PlainLoginModule required"
    mechanisms = {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "plain.sasl.jaas.config": f'{plain} user_{user}="{password}" user_shop="a-password";',
        "scram-sha-256.sasl.jaas.config": scram,
        "scram-sha-512.sasl.jaas.config": scram,
    }
    return {
        **{f"listener.name.{name}.{key}": value for name in ("passwords", "closed") for key, value in mechanisms.items()},
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "true",
    }


def spans_in(messages: list[bytes]) -> list[str]:
    """The names of the spans."""
    return [span["name"] for message in messages for span in json.loads(message)]
