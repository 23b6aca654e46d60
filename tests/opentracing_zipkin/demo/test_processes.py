"""The demo's three services as real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import requests

from opentracing_zipkin.demo import processes
from opentracing_zipkin.demo.failure import DemoFailed
from opentracing_zipkin.demo.processes import Services

# Port 9 (discard) on the loopback interface: no server listens there.
NOBODY = "http://127.0.0.1:9"


def get(url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=5)


def is_refused(url: str) -> bool:
    try:
        get(url)
    except requests.ConnectionError:
        return True
    return False


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_services_answer_inside_the_block_and_are_gone_after_it() -> None:
    """Each service has its own address while the block runs; after it no server listens there."""
    with Services(NOBODY, "json") as services:
        addresses = services.addresses

        assert ["frontend", "orders", "payment"] == sorted(addresses)
        assert ["samovar", "teapot"] == get(f"{addresses['frontend']}/products").json()["products"]
        assert 404 == get(f"{addresses['payment']}/nothing").status_code

    assert all(map(is_refused, addresses.values()))


class Bystander:
    """Runs the services and does something to them inside the block; remembers their addresses."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}

    def run(self, act: Callable[[Services], object]) -> None:
        with Services(NOBODY, "json") as services:
            self.addresses = services.addresses
            act(services)


def kill(services: Services, name: str) -> None:
    services.processes[name].kill()
    services.processes[name].wait()


def test_an_exception_inside_the_block_ends_the_services_too() -> None:
    """An exception leaves the block unchanged, and no service outlives the block."""
    bystander = Bystander()
    with pytest.raises(ZeroDivisionError):
        bystander.run(lambda _services: 1 // 0)

    assert all(map(is_refused, bystander.addresses.values()))


def test_a_service_that_died_is_named() -> None:
    """If a service dies, even without a request, the error names it and its cause, because spans may be lost."""
    bystander = Bystander()
    with pytest.raises(DemoFailed, match="the service payment died: killed by signal 9"):
        bystander.run(lambda services: kill(services, "payment"))

    assert all(map(is_refused, bystander.addresses.values()))


def test_a_service_that_does_not_start_is_named(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """If a service does not start, the error names it, and the others are ended."""
    monkeypatch.setattr(processes, "SERVICES", ("frontend", "nobody"))
    services = Services(NOBODY, "json")
    with pytest.raises(DemoFailed, match="the service nobody did not start: exit status 1"):
        services.__enter__()

    assert all(process.poll() is not None for process in services.processes.values())
    assert "No module named" in capfd.readouterr().err


def test_services_end_when_their_parent_is_killed() -> None:
    """A service ends with its standard input, so it ends even if its parent was killed."""
    code = (
        "import time\n"
        "from opentracing_zipkin.demo.processes import Services\n"
        f"with Services({NOBODY!r}, 'json') as services:\n"
        "    print(*services.addresses.values(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        addresses = parent.stdout.readline().split()
        parent.kill()

    assert 3 == len(addresses)
    assert eventually(lambda: all(map(is_refused, addresses)))


def test_the_shell_s_tracer_settings_do_not_reach_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """ZIPKIN_* and OTEL_* of the shell are not passed on, so the demo is the same everywhere."""
    for variable, value in {"ZIPKIN_SAMPLE_RATE": "0", "OTEL_SDK_DISABLED": "true", "ZIPKIN_ENABLED": "false"}.items():
        monkeypatch.setenv(variable, value)
    with Services(NOBODY, "json") as services:
        answer = get(f"{services.addresses['frontend']}/products")

    assert "1" == answer.headers["x-b3-sampled"]
