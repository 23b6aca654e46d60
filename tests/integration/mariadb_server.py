"""A real MariaDB on loopback with Zipkin's schema: Debian's package, run by hand with a folder of its own.

Rules: as for every server of the tests (`server_process`).  The schema is the one in the Zipkin server's jar.
Source: MariaDB documentation 10.11, "mariadbd Options"; Zipkin, zipkin-storage/mysql-v1, README.md.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence

from . import zipkin_server
from .server_process import ServerProcess, ServerUnavailable, program

__all__ = ["MariadbServer"]

CREATE_TIMEOUT_S = 120.0
QUERY_TIMEOUT_S = 120.0
# The schema's jar is inside the server's jar.
SCHEMA = (f"BOOT-INF/lib/zipkin-storage-mysql-v1-{zipkin_server.VERSION}.jar", "mysql.sql")
USER = """CREATE DATABASE zipkin;
CREATE USER zipkin@localhost IDENTIFIED BY 'zipkin';
CREATE USER zipkin@'127.0.0.1' IDENTIFIED BY 'zipkin';
GRANT ALL ON zipkin.* TO zipkin@localhost;
GRANT ALL ON zipkin.* TO zipkin@'127.0.0.1';
USE zipkin;
"""
OPTIONS = {
    "bind-address": "127.0.0.1",
    "skip-log-bin": None,
    "innodb-buffer-pool-size": "256M",
    "innodb-flush-log-at-trx-commit": "2",
    "performance-schema": "OFF",
}


class MariadbServer(ServerProcess):
    """One server with the empty database `zipkin` of user zipkin, password zipkin.  `options` add to those of mariadbd."""

    name = "MariaDB"

    def __init__(self, options: Mapping[str, str | None] | None = None) -> None:
        super().__init__()
        self._options = {**OPTIONS, **(options or {})}

    @property
    def zipkin_settings(self) -> Mapping[str, str]:
        """The settings of a Zipkin server that keeps its spans here."""
        return {
            "STORAGE_TYPE": "mysql",
            "MYSQL_HOST": "127.0.0.1",
            "MYSQL_TCP_PORT": str(self.port),
            "MYSQL_USER": "zipkin",
            "MYSQL_PASS": "zipkin",
            "MYSQL_DB": "zipkin",
        }

    def query(self, sql: str) -> list[list[str]]:
        """Rows of a statement in the database, each value as text."""
        return [line.split("\t") for line in self._client(sql, "--database=zipkin").splitlines()]

    def _client(self, sql: str, *options: str) -> str:
        client = program("mariadb", "mariadb-server")
        done = subprocess.run(
            [client, "--no-defaults", "--batch", "--skip-column-names", f"--socket={self._socket}", "--user=root", *options],
            env=dict(self.environment()), cwd="/", input=sql,
            capture_output=True, text=True, timeout=QUERY_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"MariaDB refused a statement: {done.stderr}")
        return done.stdout

    def make(self) -> None:
        program("mariadbd", "mariadb-server")
        user = self.user()
        if user is not None:
            shutil.chown(self.folder, user)
        options = [f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=socket", "--skip-test-db"]
        done = subprocess.run(
            [program("mariadb-install-db", "mariadb-server"), "--no-defaults", *options, *([f"--user={user}"] if user else [])],
            env=dict(self.environment()), cwd="/", capture_output=True, text=True, timeout=CREATE_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ServerUnavailable(f"MariaDB's folder could not be made; its tool said:\n{done.stdout}{done.stderr}")
        self.start()
        self._client(USER + _schema())
        self.stop()

    def command(self) -> Sequence[str]:
        options = {"datadir": self.folder / "data", "socket": self._socket, "port": self.port, **self._options}
        given = [f"--{name}" if value is None else f"--{name}={value}" for name, value in options.items()]
        return [program("mariadbd", "mariadb-server"), "--no-defaults", *given]

    def environment(self) -> Mapping[str, str]:
        """This process's environment without settings of MariaDB's client, which would use TCP instead of the socket."""
        return {key: value for key, value in os.environ.items() if not key.startswith(("MYSQL_", "MARIADB_"))}

    def user(self) -> str | None:
        return "mysql" if os.getuid() == 0 else None  # it refuses to run as root

    def is_ready(self) -> bool:
        return "ready for connections" in self.logged()

    @property
    def _socket(self) -> str:
        return str(self.folder / "socket")


def _schema() -> str:
    """Zipkin's tables, from the jar of the server."""
    jar, file = SCHEMA
    with (
        zipfile.ZipFile(zipkin_server.fetch()) as server,
        zipfile.ZipFile(io.BytesIO(server.read(jar))) as storage,
    ):
        return storage.read(file).decode()
