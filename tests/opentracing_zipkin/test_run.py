"""`opentracing-zipkin run`: any command is traced without a line of code, and runs otherwise as without it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

import opentracing
import opentracing_zipkin
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.commands import run as command_run
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.startup import SWITCH, WITH_PYTEST
from opentracing_zipkin.startup.start import _is_pytest as is_pytest

COMMAND = [sys.executable, "-m", "opentracing_zipkin", "run"]
PACKAGES = [Path(opentracing_zipkin.__file__).parent, Path(opentracing.__file__).parent]
SITE_PACKAGES = Path(requests.__file__).parents[1]
MAX_ARRIVAL_WAIT_S = 10.0

# A service with Flask that calls the collector's health check, is called once, and ends.
SHOP = """
import os, sys
import flask
import requests

app = flask.Flask("shop")

@app.get("/buy/<article>")
def buy(article):
    return requests.get(os.environ["TARGET"] + "/health").text

if __name__ == "__main__":
    assert 200 == app.test_client().get("/buy/tea").status_code
    print("bought")
"""
PARENT = "import subprocess, sys\nprint(subprocess.run([sys.executable, 'shop.py'], capture_output=True, text=True, check=True).stdout.strip())"
FILES = {
    "shop.py": SHOP,
    "package/__init__.py": "",
    "package/__main__.py": SHOP,
    "parent.py": PARENT,
    "importing.py": "import shop\nassert 200 == shop.app.test_client().get('/buy/tea').status_code\nprint('bought')",
    "own_first.py": "from opentracing_zipkin import configure\nconfigure('own')\n" + SHOP,
    "own_last.py": "import flask, requests\nfrom opentracing_zipkin import configure\nconfigure('own')\n" + SHOP,
}
BOUGHT = {"get /buy/{article}", "get"}


class Done(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def environment(collector: Collector, changes: Mapping[str, str | None]) -> dict[str, str]:
    """Our environment with settings for the embedded collector; None removes a variable."""
    settings: dict[str, str | None] = {
        **{name: text for name, text in os.environ.items() if not name.startswith(("ZIPKIN_", "OTEL_", "OPENTRACING_"))},
        "PYTHONPATH": None,
        "ZIPKIN_SERVICE_NAME": "shop",
        "ZIPKIN_ENDPOINT": collector.url,
        "ZIPKIN_INSTRUMENT": "flask,requests",
        "TARGET": collector.url,
        **changes,
    }
    return {name: text for name, text in settings.items() if text is not None}


@pytest.fixture
def run(collector: Collector, folder: Path) -> Run:
    """Run a command in the folder to its end: by our command itself, or in the environment that it makes."""
    collector.store.clear()

    def run(*command: str, by: Sequence[str] = (), **changes: str | None) -> Done:
        settings = environment(collector, changes)
        if not by:
            settings = command_run.environment(settings, changes.get(SWITCH) or "1")
            command = (sys.executable, *command[1:]) if command[0] == "python" else command
        done = subprocess.run(
            [*by, *command], cwd=folder, env=settings, capture_output=True, text=True, timeout=50, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def spans_of(collector: Collector, count: int) -> list[FinishedSpan]:
    """All spans that arrived, once there are this many."""
    deadline = time.monotonic() + MAX_ARRIVAL_WAIT_S
    while len(spans := list(chain(*collector.store.traces()))) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return spans


def is_bought(collector: Collector, service: str = "shop") -> bool:
    """Whether there is one trace, of both spans, of this service."""
    spans = spans_of(collector, 2)
    return (
        {span.name for span in spans} == BOUGHT
        and len({span.trace_id for span in spans}) == 1
        and {span.local.service_name for span in spans if span.local} == {service}
    )


# Traced commands

TRACED = {
    "a script": ["python", "shop.py"],
    "a module": ["python", "-m", "package"],
    "code": ["python", "-c", "import runpy; runpy.run_path('shop.py', run_name='__main__')"],
    "a process of a process": ["python", "parent.py"],
    "a process of a shell": ["sh", "-c", "python shop.py"],
    "work while a module is imported": ["python", "-c", "import importing"],
    "an interpreter by its path": [sys.executable, "shop.py"],
    "after two dashes": ["--", "python", "shop.py"],
}


@pytest.mark.parametrize("command", TRACED)
def test_a_command_is_traced(run: Run, collector: Collector, command: str) -> None:
    """A traced command keeps its output and its exit status, and our code prints nothing."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    done = run(*TRACED[command], by=COMMAND, PATH=path)

    assert Done(0, "bought\n", "") == done
    assert is_bought(collector)


def test_a_service_is_called_as_the_option_says(run: Run, collector: Collector) -> None:
    """The option for the service name wins over the variable."""
    run("--service-name", "other", "python", "shop.py", by=COMMAND)

    assert is_bought(collector, "other")


def test_libraries_may_be_chosen(run: Run, collector: Collector) -> None:
    """The variable of the setting `instrument` selects the libraries."""
    run("python", "shop.py", ZIPKIN_INSTRUMENT="requests")

    assert ["get"] == [span.name for span in spans_of(collector, 1)]


@pytest.mark.parametrize("script", ["own_first.py", "own_last.py"])
@pytest.mark.parametrize("name", ["shop", None])
def test_an_applications_own_configure_wins(run: Run, collector: Collector, script: str, name: str | None) -> None:
    """The application's `configure` wins before and after the libraries are imported, without a warning."""
    done = run("python", script, ZIPKIN_SERVICE_NAME=name)

    assert Done(0, "bought\n", "") == done
    assert is_bought(collector, "own")


OTHER_TRACER = """
import opentracing, os
from opentracing.mocktracer import MockTracer
opentracing.set_global_tracer(MockTracer())
import requests
requests.get(os.environ["TARGET"] + "/health")
print(*[span.operation_name for span in opentracing.tracer.finished_spans()])
"""


def test_a_tracer_of_somebody_else_is_left_alone(run: Run, collector: Collector) -> None:
    """If the application has set another global tracer, that one stays."""
    done = run("python", "-c", OTHER_TRACER)

    assert Done(0, "GET\n", "") == done


def test_without_a_name_there_is_one_warning(run: Run, collector: Collector) -> None:
    """Without a name there is one warning, and the service is called unknown_service."""
    done = run("python", "shop.py", ZIPKIN_SERVICE_NAME=None)

    assert (0, "bought\n") == done[:2]
    assert 1 == len(done.err.splitlines())
    assert "unknown_service; give it" in done.err
    assert is_bought(collector, "unknown_service")


def test_the_tracer_is_configured_once_in_a_process(run: Run) -> None:
    """The tracer is configured once, however many libraries are imported."""
    code = "import flask, requests, opentracing\nfrom opentracing_zipkin import settings\nprint(len(settings._by_environment), type(opentracing.tracer).__name__)"

    assert Done(0, "1 ZipkinTracer\n", "") == run("python", "-c", code)


# Errors


@pytest.mark.parametrize(
    "wrong", [{"ZIPKIN_SAMPLE_RATE": "7"}, {"ZIPKIN_ENDPOINT": "nowhere"}, {"ZIPKIN_ENCODING": "xml"}], ids=str
)
def test_a_setting_that_is_wrong_is_one_line_and_the_program_runs(
    run: Run, collector: Collector, wrong: dict[str, str]
) -> None:
    """With a wrong setting the program runs untraced, and the line names the variable."""
    done = run("python", "shop.py", **wrong)

    assert (0, "bought\n") == done[:2]
    assert re.fullmatch(f"zipkin: opentracing-zipkin run: configure failed.*{next(iter(wrong))}.*\n", done.err)
    assert [] == spans_of(collector, 0)


def test_an_unknown_library_is_one_line_and_the_program_runs(run: Run, collector: Collector) -> None:
    """With an unknown library the program runs untraced, and the line lists the known ones."""
    done = run("python", "shop.py", ZIPKIN_INSTRUMENT="flask,reqests")

    assert (0, "bought\n") == done[:2]
    assert re.fullmatch(r"zipkin: opentracing-zipkin run: environment variable ZIPKIN_INSTRUMENT .*flask, django.*\n", done.err)


def test_a_wrong_setting_does_not_keep_an_application_from_its_own(run: Run, collector: Collector) -> None:
    """The instrumented libraries use the tracer that the application sets."""
    done = run("python", "-c", OTHER_TRACER, ZIPKIN_SAMPLE_RATE="7")

    assert (0, "GET\n") == done[:2]
    assert "configure failed" in done.err


FAILING = {
    "no command": ([], 2, "no command"),
    "two dashes only": (["--"], 2, "no command"),
    "an empty name": (["--service-name", " ", "true"], 2, "service name is empty"),
    "an unknown program": (["no-such-program"], 127, "no-such-program: command not found"),
    "an unknown path": (["./no-such-program"], 127, "./no-such-program: No such file"),
    "a folder": (["./package"], 126, "./package: Permission denied"),
    "a word misspelt": (["pyton3"], 127, "pyton3: command not found; did you mean python3?"),
    "a script": (["shop.py"], 127, "shop.py: command not found; a script is run by: python shop.py"),
    "a script's path": (["./shop.py"], 126, "./shop.py: Permission denied; a script is run by: python ./shop.py"),
}


@pytest.mark.parametrize("case", FAILING)
def test_what_cannot_be_run_is_one_line(run: Run, case: str) -> None:
    """A command that cannot be run gives the exit status of a shell."""
    command, status, text = FAILING[case]
    done = run(*command, by=COMMAND)

    assert (status, "") == done[:2]
    assert re.fullmatch(f"opentracing-zipkin run: .*{re.escape(text)}.*\n", done.err)


def test_an_unknown_option_is_answered_with_the_usage_of_run(run: Run) -> None:
    """With an unknown option the command is not run."""
    done = run("--servicename", "shop", "python", "-c", "print(1)", by=COMMAND)

    assert (2, "") == done[:2]
    assert done.err.startswith("usage: opentracing-zipkin run [--service-name NAME]")
    assert "unrecognized arguments: --servicename" in done.err


# The process belongs to the command


@pytest.mark.parametrize("status", [0, 7])
def test_the_exit_status_is_the_commands(run: Run, status: int) -> None:
    """The exit status of the command is kept, whatever it is."""

    assert Done(status, "", "") == run("python", "-c", f"raise SystemExit({status})", by=COMMAND)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_signals_are_the_commands(collector: Collector, name: str) -> None:
    """The command runs in the started process itself, without another process in between."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    command = [*COMMAND, "python", "-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(collector, {}), text=True
    ) as process:
        assert process.stdout is not None
        assert process.pid == int(process.stdout.readline())
        process.send_signal(getattr(signal, name))

        assert -getattr(signal, name) == process.wait(20)


def test_a_pipe_that_is_closed_ends_the_command_as_ever(run: Run) -> None:
    """SIGPIPE works as usual, although Python ignores it and a program that it executes would inherit that."""

    assert Done(0, "y\n", "") == run("sh", "-c", "yes | head -1", by=COMMAND)


def test_the_start_of_an_interpreter_loads_nothing_of_others(run: Run) -> None:
    """The start loads no other modules, so that gevent patches an untouched process."""
    code = "import sys; print(*sorted({'ssl', 'threading', 'requests', 'socket', 'logging', 'signal', 'typing', 'asyncio', 'opentracing'} & set(sys.modules)), 'opentracing_zipkin.startup.start' in sys.modules)"

    assert Done(0, "True\n", "") == run("python", "-c", code)


# pytest

PYTEST = "def test_it():\n    import opentracing, subprocess, sys\n    code = 'import opentracing; print(type(opentracing.tracer).__name__)'\n    child = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout.strip()\n    open('found', 'w').write(f'{type(opentracing.tracer).__name__} {child}')\n"


@pytest.mark.parametrize("switch", ["1", WITH_PYTEST])
def test_pytest_is_traced_on_request_only(run: Run, folder: Path, switch: str) -> None:
    """pytest and the processes that its tests start are traced on request only."""
    (folder / "test_it.py").write_text(PYTEST)
    settings = {SWITCH: switch, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", **settings)

    assert 0 == done.status, done
    assert ("ZipkinTracer ZipkinTracer" if switch == WITH_PYTEST else "Tracer Tracer") == (folder / "found").read_text()


IS_PYTEST = {
    "python -m pytest": True,
    "python -m pytest -x": True,
    "python -X utf8 -W error -m pytest": True,
    "python -B -I -m pytest": True,
    "python /bin/pytest -x": True,
    "python /bin/py.test": True,
    "python": False,
    "python -m pytester": False,
    "python -m": False,
    "python -c pytest": False,
    "python pytest.py": False,
    "python app.py pytest": False,
    "python app.py -m pytest": False,
}


@pytest.mark.parametrize("command", IS_PYTEST)
def test_pytest_is_known_by_its_command(command: str) -> None:
    """pytest is recognised with any options of the interpreter, and not by a word among a program's arguments."""

    assert IS_PYTEST[command] == is_pytest(command.split())


# Other ways into an interpreter


ONLY_BELOW = "import sys\nif sys.orig_argv[1] == '-c':\n"  # `run` is an interpreter as well


def test_another_sitecustomize_is_run_as_well(run: Run, folder: Path) -> None:
    """Another sitecustomize runs once, as `sitecustomize`, and it may import an instrumented library."""
    (folder / "site").mkdir()
    (folder / "site/sitecustomize.py").write_text(f"{ONLY_BELOW}    import requests; print('theirs', __name__)\nMARK = 1")
    done = run(
        "python", "-c", "import sitecustomize, sys; print(sitecustomize.MARK, sys.path[1])", PYTHONPATH=str(folder / "site")
    )

    assert Done(0, f"theirs sitecustomize\n1 {folder}/site\n", "") == done


def test_another_sitecustomize_fails_as_ever(run: Run, folder: Path) -> None:
    """Another sitecustomize that fails gives the line that Python prints for it."""
    (folder / "site").mkdir()
    (folder / "site/sitecustomize.py").write_text(f"{ONLY_BELOW}    import nothing_like_it")
    alone = run("-c", "print(1)", by=[sys.executable], PYTHONPATH=str(folder / "site"))

    assert alone == run("python", "-c", "print(1)", PYTHONPATH=str(folder / "site"))
    assert "nothing_like_it" in alone.err


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which nothing is installed."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


def test_an_interpreter_that_lacks_us_runs_untraced_and_silent(run: Run, bare: Path) -> None:
    """In another environment without this package a program runs untraced and silent."""
    code = "import sys; print([name for name in sys.modules if 'opentracing' in name])"

    assert Done(0, "[]\n", "") == run(str(bare), "-c", code)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with this package and its `.pth` file, as the wheel installs them."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    [packages] = folder.glob("lib/python*/site-packages")
    for package in PACKAGES:
        (packages / package.name).symlink_to(package)
    (packages / "opentracing_zipkin.pth").write_text((PACKAGES[0] / "startup" / "opentracing_zipkin.pth").read_text())
    (packages / "others.pth").write_text(f"{SITE_PACKAGES}\n")
    return folder / "bin" / "python"


@pytest.mark.parametrize("options", [[], ["-I"], ["-E"], ["-s"], ["-X", "utf8"]], ids=" ".join)
def test_an_installed_wheel_needs_no_pythonpath(
    run: Run, collector: Collector, installed: Path, folder: Path, options: list[str]
) -> None:
    """An installed wheel works even if the interpreter ignores the environment, and it leaves PYTHONPATH to the programs."""
    code = f"import os, runpy; assert 'PYTHONPATH' not in os.environ; runpy.run_path({str(folder / 'shop.py')!r}, run_name='__main__')"
    done = run("python", *options, "-c", code, by=[str(installed), "-m", "opentracing_zipkin", "run"])

    assert Done(0, "bought\n", "") == done
    assert is_bought(collector)


def test_an_installed_wheel_is_silent_unless_it_is_switched_on(run: Run, installed: Path) -> None:
    """The `.pth` file imports no module of this package."""

    assert Done(0, "[]\n", "") == run(
        "-c", "import sys; print([n for n in sys.modules if 'opentracing' in n])", by=[str(installed)]
    )


def test_a_program_of_this_environment_is_found_before_those_of_path(run: Run, installed: Path) -> None:
    """A program of this environment is found first, even if the environment is not active."""
    done = run(
        "python", "-c", "import sys; print(sys.executable, sys.prefix)", by=[str(installed), "-m", "opentracing_zipkin", "run"]
    )

    assert Done(0, f"{installed} {installed.parents[1]}\n", "") == done


@pytest.mark.parametrize(("name", "is_told"), [("flask", True), ("gunicorn", True), ("start-the-shop", False)])
def test_a_program_of_another_python_is_told(run: Run, installed: Path, tmp_path: Path, name: str, is_told: bool) -> None:
    """If PATH leads to a server of another Python, one line tells where it is and how to have it here; the program runs."""
    program = tmp_path / "elsewhere" / name
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho served\n")
    program.chmod(0o755)
    done = run(name, by=[str(installed), "-m", "opentracing_zipkin", "run"], PATH=f"{program.parent}:/usr/bin:/bin")

    assert (0, "served\n") == done[:2]
    assert is_told == (f"{name} is {program}, of another Python, and runs untraced" in done.err)
    assert is_told == (f"{installed} -m pip install {name}" in done.err)


def test_a_program_that_is_installed_here_is_not_told(run: Run, installed: Path, tmp_path: Path) -> None:
    """For a shim in PATH, as pyenv has, no line is written if this Python has the program, because the shim leads to it."""
    shim = tmp_path / "flask"
    shim.write_text("#!/bin/sh\necho served\n")
    shim.chmod(0o755)
    code = f"from opentracing_zipkin.commands import run; print(run._is_of_another_python('flask', {str(shim)!r}))"
    scripts = installed.parent / "flask"
    scripts.write_text("#!/bin/sh\n")
    scripts.chmod(0o755)
    try:
        done = run("-c", code, by=[str(installed)])
    finally:
        scripts.unlink()

    assert Done(0, "False\n", "") == done
    assert Done(0, "True\n", "") == run("-c", code, by=[str(installed)])


def test_a_zip_file_runs_commands_too(run: Run, collector: Collector, folder: Path) -> None:
    """Commands run if the package is in a zip file on PYTHONPATH."""
    with zipfile.ZipFile(folder / "packages.zip", "w") as archive:
        for package in PACKAGES:
            for file in package.rglob("*.py"):
                archive.write(file, file.relative_to(package.parent))
    by = [sys.executable, "-S", "-m", "opentracing_zipkin", "run"]
    path = os.pathsep.join([str(folder / "packages.zip"), str(SITE_PACKAGES)])
    done = run(sys.executable, "shop.py", by=by, PYTHONPATH=path)

    assert Done(0, "bought\n", "") == done
    assert is_bought(collector)


MULTIPROCESSING = """
import multiprocessing, sys
import flask

def tell():
    import opentracing
    from opentracing_zipkin import settings
    print(len(settings._by_environment), type(opentracing.tracer).__name__, flush=True)

if __name__ == "__main__":
    child = multiprocessing.get_context(sys.argv[1]).Process(target=tell)
    child.start()
    child.join()
    print(child.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_children_of_multiprocessing_are_configured_once(run: Run, folder: Path, method: str) -> None:
    """Each process is configured separately, or with its parent if it is forked."""
    (folder / "children.py").write_text(MULTIPROCESSING)

    assert Done(0, "1 ZipkinTracer\n0\n", "") == run("python", "children.py", method)


# gevent

GEVENT = {
    "gevent/__init__.py": "",
    "patching.py": "import flask, gevent.monkey, sys\ngevent.monkey.patch_all()\nprint('opentracing_zipkin.settings' in sys.modules)",
    "gevent/events.py": "subscribers = []\nclass GeventWillPatchAllEvent: pass\nclass GeventDidPatchAllEvent: pass\n",
    "gevent/monkey.py": """
from gevent import events
patched = []
def is_module_patched(name):
    return name in patched
def patch_all(import_within=None):
    for subscriber in events.subscribers: subscriber(events.GeventWillPatchAllEvent())
    patched.append("threading")
    if import_within:
        __import__(import_within)
    patched.append("socket")
    for subscriber in events.subscribers: subscriber(events.GeventDidPatchAllEvent())
""",
}
TELL = "import sys\ndef tell(): print('opentracing_zipkin.settings' in sys.modules)\n"
PATCHING = {
    "before": "import gevent.monkey\ngevent.monkey.patch_all()\nimport flask\ntell()",
    "after": "import gevent.monkey\nimport flask\ntell()\nprint(gevent.monkey.patch_all())\ntell()",
    "never": "import gevent.monkey\nimport flask\ntell()\nflask.Flask('shop').test_client().get('/')\ntell()",
    "within": "import gevent.monkey, sys\nfrom gevent.events import subscribers\nsubscribers.append(lambda event: tell())\ngevent.monkey.patch_all('flask')\ntell()",
    "in an import": "import gevent.monkey\nimport patching\ntell()",
    "not there": "import flask\ntell()",
}


@pytest.mark.parametrize("case", PATCHING)
def test_the_tracer_is_configured_after_gevent_has_patched(run: Run, folder: Path, case: str) -> None:
    """The tracer waits for gevent if that is loaded and has not patched yet, at most until the first span."""
    for name, text in GEVENT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    expected = {
        "before": "True\n",
        "after": "False\nNone\nTrue\n",
        "never": "False\nTrue\n",
        "within": "False\nFalse\nTrue\n",
        "in an import": "False\nTrue\n",
        "not there": "True\n",
    }

    assert Done(0, expected[case], "") == run("python", "-c", TELL + PATCHING[case])


# --list


def test_the_list_says_what_is_traced_and_why_something_is_not(run: Run) -> None:
    """The list has versions, the service's name and the collector, and no command is run."""
    done = run("--list", "false", by=COMMAND, ZIPKIN_ENDPOINT="http://user:secret@zipkin:9411?key=secret")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in done.out.splitlines() if line}

    assert (0, "") == (done.status, done.err)
    assert "name shop" == lines["service"]
    assert "http://zipkin:9411/api/v2/spans?***" == lines["collector"]
    assert re.fullmatch(r"3\.\S+ instrumented", lines["flask"])
    assert lines["django"].endswith("not chosen by ZIPKIN_INSTRUMENT")
    assert lines["threads"].endswith("off by default; name it in ZIPKIN_INSTRUMENT, for instance threads,flask")
    assert "secret" not in done.out


def test_the_list_says_what_is_not_installed(run: Run, installed: Path) -> None:
    """A library that is not installed has a dash for its version."""
    done = run("--list", by=[str(installed), "-m", "opentracing_zipkin", "run"], ZIPKIN_SERVICE_NAME=None)

    assert 0 == done.status, done
    assert "unknown_service, because ZIPKIN_SERVICE_NAME is not set" in done.out
    assert "by opentracing_zipkin.pth" in done.out


def test_the_list_says_which_variable_is_wrong(run: Run) -> None:
    """A wrong variable gives exit status 1."""
    done = run("--list", by=COMMAND, ZIPKIN_SAMPLE_RATE="7")

    assert (1, "") == done[:2]
    assert "ZIPKIN_SAMPLE_RATE" in done.err


def test_help_says_that_pytest_is_left_out(run: Run) -> None:
    """The help says that pytest is left out and how to include it."""
    done = run("--help", by=COMMAND)

    assert "--with-pytest" in done.out
    assert "uses its own tracer" in done.out


def test_settings_of_the_list_are_those_of_the_environment(run: Run) -> None:
    """The list has all libraries if ZIPKIN_INSTRUMENT is not set."""
    variables: dict[str, Any] = {"ZIPKIN_INSTRUMENT": None}

    assert "not chosen" not in run("--list", by=COMMAND, **variables).out
