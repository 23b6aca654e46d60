"""Tasks about orders on Celery with Redis, traced by our instrumentation; as a script, the worker with a forked process."""

from __future__ import annotations

import os
import time

from celery import Celery

import opentracing
from opentracing_zipkin import configure
from opentracing_zipkin.instrument import celery as instrumented

from .serving import run_worker_until_told

__all__ = ["orders"]


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

    @app.task(name="orders.wait", shared=False, time_limit=1)
    def wait() -> None:
        time.sleep(30)

    return app


def main() -> None:
    configure()
    instrumented.install()
    app = orders(os.environ["ORDERS_BROKER"])
    run_worker_until_told(app)


if __name__ == "__main__":
    main()
