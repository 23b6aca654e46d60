"""The real Zipkin server on loopback: fetched with Maven, started, waited for, stopped.

Rules: the port is looked at before anything is fetched; waits are by the clock; the server is stopped in every case, even when
this process is killed (Linux); what is missing on the machine is an error that names the remedy, never a skip.
As a script it keeps a server until Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import requests

from .server_process import PROJECT, ServerUnavailable, end_with_parent, program, stop

VERSION = "3.5.1"
ARTIFACT = f"io.zipkin:zipkin-server:{VERSION}:jar:exec"
JAR = f"zipkin-server-{VERSION}-exec.jar"

FETCH_TIMEOUT_S = 600.0
# 5 to 14 s were seen, and 52 s while five other test runs shared the two cores.
HEALTHY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 10.0

# Measured: starts in half the time and with a sixth less memory than with the defaults.
JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


def say(line: str) -> None:
    """Write a line of progress to standard error."""
    print(f"zipkin-server: {line}", file=sys.stderr, flush=True)


def cache() -> Path:
    """Where the server is kept between runs: ZIPKIN_CACHE, or .cache/zipkin in the project."""
    return Path(os.environ.get("ZIPKIN_CACHE") or PROJECT / ".cache" / "zipkin")


def check_port(port: int) -> None:
    """Raises ServerUnavailable where the server could not listen on this port of 127.0.0.1; 0 is always free."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ServerUnavailable(_taken(port)) from None
        raise ServerUnavailable(
            f"port {port} cannot be used ({error.strerror}); choose another one: make zipkin PORT=9412"
        ) from error


def _taken(port: int) -> str:
    return (
        f"port {port} is taken, perhaps by another Zipkin server or by `opentracing-zipkin collector`; "
        f"stop it, or choose another port: make zipkin PORT={port + 1}"
    )


def fetch() -> Path:
    """The server's jar, from the cache or, once, with Maven."""
    jar = cache() / JAR
    if jar.is_file():
        return jar
    maven = program("mvn", "maven")
    cache().mkdir(parents=True, exist_ok=True)
    say(f"fetching {ARTIFACT} (131 MB) with Maven into {cache()} ...")
    # The jar goes into a new folder first and is then renamed: an interrupted download is never taken for the jar.
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        goal = ["-B", "-ntp", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
        _run_with_progress([maven, *goal])
        (Path(folder) / JAR).replace(jar)
    say(f"fetched {jar.stat().st_size // 1_000_000} MB")
    return jar


def _run_with_progress(command: list[str]) -> None:
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            while process.poll() is None:
                elapsed = time.monotonic() - begin
                if elapsed > FETCH_TIMEOUT_S:
                    raise ServerUnavailable(f"Maven was not done after {FETCH_TIMEOUT_S:.0f} s; is there a network?")
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    say(f"... {time.monotonic() - begin:.0f} s")
        finally:
            stop(process)
        if process.returncode:
            output.seek(0)
            raise ServerUnavailable(f"Maven failed ({' '.join(command)}):\n{_tail(output.read(), 15)}")


class ZipkinServer:
    """Owns one Java process.  As a context manager: healthy inside, gone after it.  Port 0 is a free one.

    `settings` are variables of the server's own, such as COLLECTOR_SAMPLE_RATE, or the `zipkin_settings` of a broker and a
    store, several together; those servers start first.  `start` after `stop` or `kill` takes the same port.
    """

    def __init__(self, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        self._port = port
        self._settings = dict(settings or {})
        self._log = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> ZipkinServer:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it is healthy.  Where its port is taken, nothing is fetched or started."""
        check_port(self._port)
        jar, java = fetch(), program("java", "openjdk-17-jre-headless")
        descriptor, log_name = tempfile.mkstemp(prefix="zipkin-server-", suffix=".log")
        self._log = Path(log_name)
        # All three settings: given one, Spring forgets the defaults of the others, and the default address is 0.0.0.0.
        address = {"ip": "127.0.0.1", "port": self._port, "protocols[0]": "http"}
        armeria = [f"--armeria.ports[0].{key}={value}" for key, value in address.items()]
        begin = time.monotonic()
        with open(descriptor, "wb") as log:
            self._process = subprocess.Popen(
                [java, *JAVA_OPTIONS, "-jar", str(jar), *armeria],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**_environment(), **self._settings},
                start_new_session=True,  # Ctrl-C is for us; we stop the server
                preexec_fn=end_with_parent(),
            )
        try:
            self._await_health(begin + HEALTHY_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise
        say(f"version {VERSION} is healthy at {self.url} after {time.monotonic() - begin:.1f} s")

    def _await_health(self, deadline: float) -> None:
        assert self._process is not None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerUnavailable(f"the server ended with status {self._process.returncode}:\n{self._why()}")
            # The server writes the port it was given by the kernel into its log.
            serving = re.search(r"Serving HTTP at \S+ - (http://127\.0\.0\.1:\d+)/", self._logged())
            if serving and _is_healthy(serving[1]):
                self.url = serving[1]
                self._port = int(self.url.rpartition(":")[2])
                return
            time.sleep(0.1)
        raise ServerUnavailable(f"the server was not healthy after {HEALTHY_TIMEOUT_S:.0f} s:\n{self._why()}")

    def stop(self) -> None:
        """End the process; do nothing if it has ended already."""
        process, self._process = self._process, None
        if process is not None:
            stop(process, STOP_TIMEOUT_S)
            self._log.unlink(missing_ok=True)

    def kill(self) -> None:
        """End the process at once by SIGKILL, as a machine that fails does."""
        assert self._process is not None
        self._process.kill()
        self.stop()

    def pause(self) -> None:
        """Let it keep its connections and do nothing, as a machine that hangs does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def wait(self) -> int:
        """Wait until the server ends by itself; returns its exit status."""
        assert self._process is not None
        return self._process.wait()

    def _logged(self) -> str:
        return self._log.read_text(errors="replace")

    def _why(self) -> str:
        """The log's lines that name a cause, or its last ones."""
        if "Address already in use" in self._logged():
            return _taken(self._port)
        causes = [line for line in self._logged().splitlines() if re.search(r"Caused by|APPLICATION FAILED|Exception:", line)]
        return "\n".join(causes[:5]) or _tail(self._logged(), 15)


def _is_healthy(url: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{url}/health", timeout=2).ok
    except requests.RequestException:
        return False


def _environment() -> dict[str, str]:
    """Our environment without variables of the server: it keeps its spans in memory and has the HTTP collector only."""
    prefixes = (
        "ZIPKIN_",
        "COLLECTOR_",
        "STORAGE_",
        "KAFKA_",
        "RABBIT_",
        "ACTIVEMQ_",
        "MYSQL_",
        "ARMERIA_",
        "QUERY_",
        "SPRING_",
    )
    return {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}


def _tail(text: str, lines: int) -> str:
    return "\n".join(text.splitlines()[-lines:])


def main() -> int:
    """Keep a server on port 9411, or PORT, until Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the block below is left
    try:
        with ZipkinServer(int(os.environ.get("PORT") or 9411)) as server:
            print(f"Zipkin's UI: {server.url}/zipkin/   (Ctrl-C stops the server)", flush=True)
            return server.wait()
    except ServerUnavailable as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
