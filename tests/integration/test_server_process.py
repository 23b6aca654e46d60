"""The servers of the tests say what is missing, come back on their ports, and end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from . import kafka_server, rabbitmq_server
from .kafka_server import KafkaServer
from .mariadb_server import MariadbServer
from .rabbitmq_server import RabbitmqServer
from .server_process import PROJECT, ServerProcess, ServerUnavailable

LISTEN = """
import signal, socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("listening", flush=True)
    signal.pause()
"""


class Listener(ServerProcess):
    """The smallest possible server."""

    name = "listener"

    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", LISTEN, str(self.port)]


@pytest.mark.parametrize("end", [ServerProcess.stop, ServerProcess.kill])
def test_a_server_comes_back_on_its_port_and_its_data(end: Callable[[ServerProcess], None]) -> None:
    """A server that was stopped or killed has its port and data again; after its block nothing is left."""
    with Listener() as server:
        (server.folder / "data").touch()
        port, folder = server.port, server.folder
        end(server)
        assert not server.is_ready()
        server.start()

        assert (port, True, True) == (server.port, server.is_ready(), (folder / "data").exists())

    assert (False, False) == (server.is_ready(), folder.exists())


def test_a_paused_server_ends_as_well() -> None:
    """A paused server ends as well, although SIGTERM alone would wait until it goes on."""
    with Listener() as server:
        server.pause()
        begin = time.monotonic()
        server.stop()

    assert time.monotonic() - begin < 10


def test_a_server_ends_with_its_parent() -> None:
    """A server ends with its parent, even if the parent is killed and cleans nothing up."""
    program = (
        "import signal\nfrom tests.integration.test_server_process import Listener\n"
        "with Listener() as server:\n    print(server.process_id(), flush=True)\n    signal.pause()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 20
    while _lives(server) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not _lives(server)


def _lives(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (KafkaServer, "apt-get install -y openjdk-17-jre-headless"),
        (RabbitmqServer, "scripts/need-rabbitmq"),
        (MariadbServer, "apt-get install -y mariadb-server"),
    ],
)
def test_a_server_that_is_not_installed_names_the_remedy(
    make: Callable[[], ServerProcess], remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is not installed is an error with the remedy, never a skip."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(rabbitmq_server, "PROGRAMS", tmp_path)

    with pytest.raises(ServerUnavailable, match="is not installed") as raised, make():
        pass
    assert remedy in str(raised.value)


def test_kafka_is_not_fetched_without_maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install, and nothing is left of an attempt."""
    java = tmp_path / "java"
    java.symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KAFKA_CACHE", str(tmp_path / "cache"))

    with pytest.raises(ServerUnavailable, match="apt-get install -y maven"):
        kafka_server.KafkaServer().__enter__()
    assert not (tmp_path / "cache").exists()


def test_a_server_that_ends_at_once_says_its_last_words() -> None:
    """The exception has the last lines of the server, so nobody has to look for its log."""

    class Broken(Listener):
        def command(self) -> Sequence[str]:
            return [sys.executable, "-c", "import sys; sys.exit('no space left')"]

    with pytest.raises(ServerUnavailable, match="listener ended with status 1, it said:\nno space left"), Broken():
        pass


def test_settings_of_the_tests_reach_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """RabbitMQ's own variables of this process are not the test server's."""
    monkeypatch.setenv("RABBITMQ_NODENAME", "other@somewhere")

    assert "other@somewhere" not in RabbitmqServer().environment().values()
    assert "other@somewhere" in os.environ.values()
