"""A real PostgreSQL and a real Kafka on loopback: fetched where that is needed, started, waited for, ended.

Rules: as for the other servers of the tests: waits are by the clock, and none outlives its block or this process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...integration.test_processes import PROJECT, free_port
from ...integration.zipkin_server import program
from ..processes import await_port, end_with_parent, stop

__all__ = ["kafka", "postgres"]

KAFKA = "3.9.1"
FETCHED_WITHIN_S = 600.0
JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
LOG4J = """log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
"""


@contextmanager
def _running(name: str, command: Sequence[str], port: int, log: Path, user: str | None = None) -> Iterator[None]:
    """A server that listens on `port`; SIGTERM ends it, and force where that takes too long."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", user=user, preexec_fn=end_with_parent()
        )
    try:
        try:
            await_port(name, port, process)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; it said:\n{log.read_text(errors='replace')[-3000:]}") from None
        yield
    finally:
        stop(process)


# PostgreSQL


@contextmanager
def postgres() -> Iterator[int]:
    """An empty server, with user `postgres`; the value is its port."""
    binaries = _postgres_binaries()
    port = free_port()
    user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if user is not None:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        make = [str(binaries / "initdb"), "-D", data, "-A", "trust", "--no-sync", "-U", "postgres"]
        subprocess.run(make, user=user, cwd="/", stdout=subprocess.DEVNULL, check=True, timeout=60)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "32MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with _running("postgres", [str(binaries / "postgres"), "-D", data, *options], port, Path(folder) / "log", user):
            yield port


def _postgres_binaries() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return folders[-1] if folders else Path(program("initdb", "postgresql")).resolve().parent


# Kafka


@contextmanager
def kafka(folder: Path) -> Iterator[int]:
    """An empty broker of one node that makes topics as they are asked for; the value is its port."""
    jars, java = _kafka_jars(), program("java", "openjdk-17-jre-headless")
    port, controller = free_port(), free_port()
    log4j, configuration = folder / "log4j.properties", folder / "server.properties"
    log4j.write_text(LOG4J)
    configuration.write_text("".join(f"{key}={value}\n" for key, value in _kafka_settings(folder, port, controller).items()))
    run = [java, *JAVA_OPTIONS, f"-Dlog4j.configuration=file:{log4j}", "-cp", f"{jars}/*"]
    cluster = "c2hvcC1mb3ItdGhlLXRlcw"  # any 16 bytes in base64
    make = [*run, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(configuration)]
    subprocess.run(make, stdout=subprocess.DEVNULL, check=True, timeout=60)
    with _running("kafka", [*run, "kafka.Kafka", str(configuration)], port, folder / "kafka.log"):
        yield port


def _kafka_settings(folder: Path, port: int, controller: int) -> Mapping[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": folder / "kafka-data",
        "num.partitions": 1,
        "offsets.topic.num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 10485760,
    }


def _kafka_jars() -> Path:
    """A folder of jars, from the cache or, once, with Maven."""
    cache = Path(os.environ.get("KAFKA_CACHE") or PROJECT / ".cache" / "kafka")
    jars = cache / KAFKA
    if not jars.is_dir():
        maven = program("mvn", "maven")
        cache.mkdir(parents=True, exist_ok=True)
        # Into a folder of its own and then renamed: an interrupted download is never taken for the whole.
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            (Path(folder) / "pom.xml").write_text(POM)
            copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}/jars"]
            subprocess.run([maven, "-q", "-B", "-f", f"{folder}/pom.xml", *copy], check=True, timeout=FETCHED_WITHIN_S)
            (Path(folder) / "jars").replace(jars)
    return jars
