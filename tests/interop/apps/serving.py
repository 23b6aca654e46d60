"""The start and the end of an application.

Rules: the first line of standard output is the port.  The application ends when its standard input ends, so that it does not
outlive the process that started it.  The environment configures the tracer, as in a deployment.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

__all__ = ["run_worker_until_told", "serve_until_told", "serve_wsgi_until_told"]

_WORKER = ["worker", "--pool=prefork", "--concurrency=1", "--loglevel=warning"]
_WORKER += ["--without-gossip", "--without-mingle", "--without-heartbeat"]


def serve_until_told(port: int) -> None:
    """Print the port at which the application listens, and wait until it is told to end."""
    print(port, flush=True)
    sys.stdin.read()


def serve_wsgi_until_told(server: Any) -> None:
    """Run a server that was made by wsgiref or Werkzeug, until the application is told to end."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    serve_until_told(server.server_port)
    server.shutdown()


def run_worker_until_told(app: Any) -> None:
    """Run a worker of a Celery application, with one forked process, until it is told to end."""
    threading.Thread(target=_end_when_told, daemon=True).start()
    print(0, flush=True)  # in place of a port, which a worker has not
    app.worker_main(_WORKER)


def _end_when_told() -> None:
    # Not `sys.stdin.read`: the forked process closes sys.stdin, and would wait for the lock that a reading thread holds.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
