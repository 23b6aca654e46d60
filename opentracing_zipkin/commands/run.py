"""`opentracing-zipkin run COMMAND`: replaces this process by the command, which is traced without a change to its code.

Rules: no process stays between the caller and the command, so exit status and signals are those of the command.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping

from ..startup import SWITCH, WITH_PYTEST
from . import fail

__all__ = ["add_arguments", "run"]

STARTUP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "startup")
PTH = "opentracing_zipkin.pth"
# Programs that run in the Python that they are installed in.
_PYTHON_PROGRAMS = frozenset(
    (
        "celery",
        "daphne",
        "django-admin",
        "fastapi",
        "flask",
        "granian",
        "gunicorn",
        "hypercorn",
        "twistd",
        "uvicorn",
        "waitress-serve",
    )
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command, and its service name in Zipkin."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.usage = (
        "opentracing-zipkin run [--service-name NAME] [--list] [--with-pytest]\n                              COMMAND ..."
    )
    parser.epilog = (
        "  opentracing-zipkin run --service-name shop gunicorn --workers 4 shop:app\n"
        "  opentracing-zipkin run uvicorn shop:app --workers 2\n"
        "  opentracing-zipkin run python manage.py runserver\n\n"
        "All settings are read from the environment, see docs/reference/configuration.md;\n"
        "ZIPKIN_INSTRUMENT=flask,requests chooses libraries, ZIPKIN_ENDPOINT is the\n"
        "collector.  Processes that the command starts are traced, too, if their\n"
        "environment has this package.  An application that calls `configure` itself\n"
        "uses its own tracer.  pytest, and the processes that it starts, are not traced\n"
        "unless --with-pytest is given.\n"
    )
    parser.add_argument("--service-name", metavar="NAME", help="name of the service (default: ZIPKIN_SERVICE_NAME)")
    parser.add_argument(
        "--list", action="store_true", help="list the libraries that would be traced, and why others would not; run nothing"
    )
    parser.add_argument("--with-pytest", action="store_true", help="trace pytest, too")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(options: Namespace) -> int:
    """Run the command; does not return where that succeeds.

    Returns 127 where the command is not found, 126 where it cannot be run, and 2 for wrong options.
    """
    if options.service_name is not None:
        if not options.service_name.strip():
            return fail("run", "the service name is empty; leave out --service-name", 2)
        os.environ["ZIPKIN_SERVICE_NAME"] = options.service_name
    if options.list:
        return _list()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        return fail("run", "no command; for instance: opentracing-zipkin run python app.py", 2)
    program = _find_program(command[0])
    if program is None:
        return fail("run", f"{command[0]}: command not found{_hint(command[0])}", 127)
    if _is_of_another_python(command[0], program):
        print(
            f"opentracing-zipkin run: {command[0]} is {program}, of another Python, and runs untraced unless that Python has "
            f"this package; to have it here: {sys.executable} -m pip install {command[0]}",
            file=sys.stderr,
        )
    return _execute(program, command, environment(os.environ, WITH_PYTEST if options.with_pytest else "1"))


def environment(former: Mapping[str, str], switch: str) -> dict[str, str]:
    """The environment in which the interpreters of the command start our tracing."""
    changed = {**former, SWITCH: switch}
    if not _has_pth():
        # First in the path, because an interpreter runs only the first sitecustomize; ours then runs the one that it hides.
        changed["PYTHONPATH"] = os.pathsep.join(filter(None, (os.path.join(STARTUP, "site"), former.get("PYTHONPATH"))))
    return changed


def _has_pth() -> bool:
    """Whether our `.pth` file is in a folder where an interpreter of this environment looks for such files when it starts."""
    import site

    packages = os.path.dirname(os.path.dirname(STARTUP))
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    return os.path.isfile(os.path.join(packages, PTH)) and any(
        os.path.isdir(folder) and os.path.samefile(folder, packages) for folder in folders
    )


def _find_program(name: str) -> str | None:
    """The program's path: from this virtual environment, active or not, else from PATH."""
    if os.path.dirname(name):
        return name
    here = os.path.dirname(sys.executable)
    if sys.prefix != sys.base_prefix:
        program = shutil.which(name, path=here)
        if program is not None:
            return program
    program = shutil.which(name)
    # If an interpreter is only called python3 here, `python` means the one that runs this code.
    return sys.executable if program is None and name == "python" else program


def _is_of_another_python(name: str, program: str) -> bool:
    """Whether a program that was found in PATH by its name is one of Python's, and is not installed in ours.

    A path elsewhere says nothing: it may be a shim of pyenv, or Debian's folder for pip, which lead to this Python.
    """
    if name not in _PYTHON_PROGRAMS or os.path.dirname(program) == os.path.dirname(sys.executable):
        return False
    import site
    import sysconfig

    schemes = [sysconfig.get_default_scheme(), *([sysconfig.get_preferred_scheme("user")] if site.ENABLE_USER_SITE else [])]
    folders = [os.path.dirname(sys.executable), *(sysconfig.get_path("scripts", scheme) for scheme in schemes)]
    return shutil.which(name, path=os.pathsep.join(folders)) is None


def _hint(name: str) -> str:
    """A hint for a user who has typed a name that is no program."""
    from difflib import get_close_matches

    if name.endswith(".py"):
        return f"; a script is run by: python {name}"
    close = get_close_matches(name, os.listdir(os.path.dirname(sys.executable)), 1)
    return f"; did you mean {close[0]}?" if close else ""


def _execute(program: str, command: list[str], environ: Mapping[str, str]) -> int:
    import signal

    sys.stdout.flush()
    sys.stderr.flush()
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores these signals, and an executed program would inherit that
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        # With the whole path, because Python finds its virtual environment by it.
        os.execve(program, [program, *command[1:]], environ)
    except OSError as error:
        hint = _hint(command[0]) if isinstance(error, PermissionError) and command[0].endswith(".py") else ""
        return fail("run", f"{command[0]}: {error.strerror}{hint}", 127 if isinstance(error, FileNotFoundError) else 126)


# --list


def _list() -> int:
    from ..doctor.instrumentation import exporters_of_others, rows_of
    from ..settings import describe_environment

    try:
        name, endpoint, chosen = describe_environment()
    except ValueError as error:
        return fail("run", error, 1)
    way = f"by {PTH}" if _has_pth() else "by a sitecustomize on PYTHONPATH"
    print(f"service name  {name}")
    print(f"collector     {endpoint}")
    print(f"interpreter   {sys.executable}, {way}\n")
    rows = [("library", "version", ""), *rows_of(chosen)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for library, version, text in rows:
        print(f"{library:{widths[0]}}  {version:{widths[1]}}  {text}".rstrip())
    for line in exporters_of_others():
        print(f"\n{line}")
    return 0
