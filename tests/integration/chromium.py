"""A real browser: Debian's Chromium, installed if it is missing, driven with Playwright.

Rules: a machine that cannot have it gives an error that names the command, never a skip.
"""

from __future__ import annotations

import os
import shutil
import subprocess

# Without any font on the machine Chromium renders text as empty boxes.
PACKAGES = ("chromium", "fonts-dejavu-core")

# Root cannot use Chromium's sandbox; the other arguments keep it from the GPU and from the network beyond the page.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def executable() -> str:
    """Chromium's path.

    If it is missing, it is installed for root; for another user RuntimeError has the command.
    """
    found = shutil.which("chromium")
    if found:
        return found
    install = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(PACKAGES)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"Chromium is not installed; as root: {install}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["sh", "-c", install], env=environment, capture_output=True, text=True, timeout=600)
    found = shutil.which("chromium")
    if done.returncode or not found:
        raise RuntimeError(f"Chromium could not be installed with `{install}`:\n{done.stderr[-2000:]}")
    return found
