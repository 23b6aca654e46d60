"""Tasks about orders on Celery with Redis, traced by our instrumentation; as a script, the worker with a forked process."""

from __future__ import annotations

import os
import signal
import threading

from celery import Celery

import opentracing
from opentracing_zipkin import configure
from opentracing_zipkin.instrument import celery as instrumented

__all__ = ["orders"]

WORKER = ["worker", "--pool=prefork", "--concurrency=1", "--loglevel=warning"]
WORKER += ["--without-gossip", "--without-mingle", "--without-heartbeat"]


def orders(broker: str) -> Celery:
    """The application, for the worker's process and for the process that sends tasks."""
    app = Celery("orders", broker=broker, backend=broker, set_as_current=False)
    app.conf.worker_send_task_events = False

    @app.task(name="orders.pack", shared=False)
    def pack(article: str) -> str:
        with opentracing.tracer.start_active_span("wrap"):
            return article

    @app.task(name="orders.send", shared=False)
    def send(article: str) -> str:
        return article

    @app.task(name="orders.lose", shared=False)
    def lose(article: str) -> str:
        raise LookupError(f"{article} is lost")

    @app.task(name="orders.insist", shared=False, bind=True, max_retries=2)
    def insist(self, article: str) -> str:  # type: ignore[no-untyped-def]
        if self.request.retries < 1:
            raise self.retry(countdown=0)
        return article

    return app


def end_when_told() -> None:
    # Not `sys.stdin.read`: the forked process closes sys.stdin, and would wait for the lock that a reading thread holds.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    configure()
    instrumented.install()
    app = orders(os.environ["ORDERS_BROKER"])
    threading.Thread(target=end_when_told, daemon=True).start()
    print(0, flush=True)  # in place of a port, which a worker has not
    app.worker_main(WORKER)


if __name__ == "__main__":
    main()
