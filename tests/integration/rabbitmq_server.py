"""A real RabbitMQ on loopback: Debian's package, run by hand with a node, a port mapper and a folder of its own.

Rules: as for every server of the tests (`server_process`).  scripts/need-rabbitmq installs it.
Source: RabbitMQ documentation 3.10, "Configuration", "File and Directory Locations", "Networking".
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from ..ports import free_port
from .server_process import ServerProcess, ServerUnavailable, await_port, end_with_parent, program, stop

__all__ = ["RabbitmqServer"]

# The programs of the same names in /usr/sbin change to the user rabbitmq.
PROGRAMS = Path("/usr/lib/rabbitmq/bin")
COMMAND_TIMEOUT_S = 60.0
NODE = "zipkintest@localhost"
COOKIE = "zipkintest"
GREETING = b"AMQP\0\0\x09\x01"  # protocol header 0-9-1
SETTINGS = {
    "log.console": "true",
    "log.console.level": "warning",
    "log.file": "false",
    "disk_free_limit.absolute": "50MB",
    "vm_memory_high_watermark.absolute": "512MB",
}


class RabbitmqServer(ServerProcess):
    """One broker, empty at its first start; `url` is what clients connect to, as user guest with password guest.

    `settings` are further lines of rabbitmq.conf, or replace ours.
    """

    name = "RabbitMQ"

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._settings = {**SETTINGS, **(settings or {})}
        self._between_nodes, self._mapper_port = free_port(), free_port()
        self._mapper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def zipkin_settings(self) -> Mapping[str, str]:
        """The settings of a Zipkin server that reads here; RABBIT_QUEUE and others may be added.

        The broker must run before that server, which otherwise gives up.
        """
        return {"RABBIT_ADDRESSES": self.address, "RABBIT_USER": "guest", "RABBIT_PASSWORD": "guest"}

    def ctl(self, *arguments: str) -> str:
        """Output of `rabbitmqctl ARGUMENTS`, such as "list_queues"; takes about a second."""
        done = subprocess.run(
            [str(PROGRAMS / "rabbitmqctl"), "--quiet", *arguments],
            env=dict(self.environment()), cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def make(self) -> None:
        if not (PROGRAMS / "rabbitmq-server").exists():
            raise ServerUnavailable("RabbitMQ is not installed; install it: scripts/need-rabbitmq")
        lines = (f"{key} = {value}\n" for key, value in self._settings.items())
        (self.folder / "rabbitmq.conf").write_text("".join(lines))
        (self.folder / "plugins").write_text("[].")
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(COOKIE)
        cookie.chmod(0o600)
        # Without this, the server would start a port mapper that outlives everything.
        self._mapper = subprocess.Popen(
            [program("epmd", "rabbitmq-server"), "-port", str(self._mapper_port), "-address", "127.0.0.1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd="/", preexec_fn=end_with_parent(),
        )  # fmt: skip
        await_port("epmd", self._mapper_port, self._mapper)

    def command(self) -> Sequence[str]:
        return [str(PROGRAMS / "rabbitmq-server")]

    def environment(self) -> Mapping[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("RABBITMQ_", "ERL_"))}
        return {
            **ours,
            "HOME": str(self.folder),  # where the cookie is
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._between_nodes),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RUNNING_UNDER_SYSTEMD": "true",  # the shell becomes the server, so that signals reach it
        }

    def is_ready(self) -> bool:
        """True if the broker answers a greeting; its port opens earlier."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.settimeout(2)
                connection.sendall(GREETING)
                return connection.recv(1) == b"\x01"  # a frame of a method: connection.start
        except OSError:
            return False

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        super().__exit__(exc_type, exc_val, exc_tb)
        if self._mapper is not None:
            stop(self._mapper)
            self._mapper = None
