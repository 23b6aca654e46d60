"""A real Kafka of one node on loopback (KRaft: broker and controller in one process), fetched once with Maven.

Rules: as for every server of the tests (`server_process`).
Source: Apache Kafka documentation 3.9, "Broker Configs", "KRaft", "Listener Configuration".
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..ports import free_port
from .server_process import PROJECT, ServerProcess, ServerUnavailable, program

__all__ = ["KafkaServer"]

VERSION = "3.9.1"
FETCH_TIMEOUT_S = 600.0
FORMAT_TIMEOUT_S = 120.0
JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
CLUSTER = "c2hvcC1mb3ItdGhlLXRlcw"  # any 16 bytes in base64
STARTED = "Kafka Server started"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
LOG4J = """log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.logger.kafka.server.KafkaRaftServer=INFO
"""


class KafkaServer(ServerProcess):
    """One broker, empty at its first start; `address` is what clients connect to.

    The broker makes a topic with so many `partitions` at its first use, or none with `auto_create=False`.  `listeners` adds
    listeners beside the plain one: name → security protocol, such as {"PASSWORDS": "SASL_PLAINTEXT", "SECRET": "SSL"}; they are
    reached at `address_of(name)`.  `settings` are further ones of the broker's, or replace ours.  A `member_of` another server
    is a broker of its cluster, without a controller of its own, and without further listeners.
    """

    name = "Kafka"

    def __init__(
        self,
        partitions: int = 1,
        settings: Mapping[str, object] | None = None,
        listeners: Mapping[str, str] | None = None,
        auto_create: bool = True,
        java_options: Sequence[str] = JAVA_OPTIONS,
        member_of: KafkaServer | None = None,
    ) -> None:
        super().__init__()
        self._partitions = partitions
        self._settings = dict(settings or {})
        self._protocols = {"PLAINTEXT": "PLAINTEXT", **(listeners or {}), "CONTROLLER": "PLAINTEXT"}
        self._ports = {**{name: free_port() for name in self._protocols}, "PLAINTEXT": self.port}
        self._auto_create = auto_create
        self._java_options = java_options
        self._cluster = member_of

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def address_of(self, listener: str) -> str:
        """The host and port of a listener."""
        return f"127.0.0.1:{self._ports[listener]}"

    @property
    def zipkin_settings(self) -> Mapping[str, str]:
        """The settings of a Zipkin server that reads here; KAFKA_TOPIC, KAFKA_GROUP_ID and KAFKA_STREAMS may be added."""
        return {"KAFKA_BOOTSTRAP_SERVERS": self.address}

    def make(self) -> None:
        self._run()  # first, as it may fetch
        (self.folder / "log4j.properties").write_text(LOG4J)
        lines = (f"{key}={value}\n" for key, value in self._configuration().items())
        self._configured.write_text("".join(lines))
        role = "--standalone" if self._cluster is None else "--no-initial-controllers"
        tool = ["kafka.tools.StorageTool", "format", role, "-t", CLUSTER, "-c", str(self._configured)]
        done = subprocess.run(
            [*self._run(), *tool], capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False, cwd="/"
        )
        if done.returncode:
            raise ServerUnavailable(f"Kafka's folder could not be made; its tool said:\n{done.stdout}{done.stderr}")

    def command(self) -> Sequence[str]:
        return [*self._run(), "kafka.Kafka", str(self._configured)]

    def is_ready(self) -> bool:
        return STARTED in self.logged()

    @property
    def _configured(self) -> Path:
        return self.folder / "server.properties"

    def _run(self) -> list[str]:
        log4j = f"-Dlog4j.configuration=file:{self.folder / 'log4j.properties'}"
        return [program("java", "openjdk-17-jre-headless"), *self._java_options, log4j, "-cp", f"{_jars()}/*"]

    def _configuration(self) -> Mapping[str, object]:
        at = {name: f"{name}://127.0.0.1:{port}" for name, port in self._ports.items()}
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.bootstrap.servers": self.address_of("CONTROLLER"),
            "listeners": ",".join(at.values()),
            "advertised.listeners": ",".join(address for name, address in at.items() if name != "CONTROLLER"),
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in self._protocols.items()),
            "log.dirs": self.folder / "data",
            "num.partitions": self._partitions,
            "auto.create.topics.enable": str(self._auto_create).lower(),
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 10485760,
            **self._membership(),
            **self._settings,
        }

    def _membership(self) -> Mapping[str, object]:
        if self._cluster is None:
            return {}
        return {
            "process.roles": "broker",
            "node.id": 2,
            "controller.quorum.bootstrap.servers": self._cluster.address_of("CONTROLLER"),
            "listeners": f"PLAINTEXT://{self.address}",
        }


def _jars() -> Path:
    """A folder of jars, from the cache (KAFKA_CACHE, or .cache/kafka in the project) or, once, with Maven."""
    cache = Path(os.environ.get("KAFKA_CACHE") or PROJECT / ".cache" / "kafka")
    jars = cache / VERSION
    if not jars.is_dir():
        maven = program("mvn", "maven")
        cache.mkdir(parents=True, exist_ok=True)
        # Into a folder of its own and then renamed: an interrupted download is never taken for the whole.
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            (Path(folder) / "pom.xml").write_text(POM)
            copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}/jars"]
            done = subprocess.run(
                [maven, "-q", "-B", "-f", f"{folder}/pom.xml", *copy],
                capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False,
            )  # fmt: skip
            if done.returncode:
                raise ServerUnavailable(f"Maven could not fetch Kafka {VERSION}; is there a network?  It said:\n{done.stdout}")
            if not jars.is_dir():  # or another process was faster
                (Path(folder) / "jars").replace(jars)
    return jars
