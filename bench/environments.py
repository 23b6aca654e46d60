"""Makes a virtual environment for each adapter under `.venv-bench/`, so that the tracers' dependencies cannot conflict.

Rules: an environment is made by the first run that needs it, and made again if its requirements or the Python have changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "python_of"]

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venv-bench"


def python_of(adapter: str) -> Path:
    """The interpreter of an adapter's environment, which is made if necessary.  Raises CalledProcessError."""
    requirements = ROOT / "bench" / "requirements" / f"{adapter}.txt"
    environment = ENVIRONMENTS / adapter
    python = environment / "bin" / "python"
    stamp = environment / ".installed"
    wanted = f"{sys.version}\n{requirements.read_text()}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    ENVIRONMENTS.mkdir(exist_ok=True)
    # Keeps git out of this directory, and also linters that use git's rules.
    (ENVIRONMENTS / ".gitignore").write_text("*\n")
    print(f"making {environment.relative_to(ROOT)} ...", file=sys.stderr)
    shutil.rmtree(environment, ignore_errors=True)
    # Without its own pip, whose installation would take longer than all the rest.
    _run("-m", "venv", "--without-pip", str(environment))
    # The first line of a file may contain --no-deps; such a file names all packages that are needed.
    options = ["--no-deps"] if "--no-deps" in requirements.read_text().partition("\n")[0] else []
    install = ["-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    _run(*install, *options, "-r", str(requirements))
    stamp.write_text(wanted)
    return python


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=sys.stderr)
