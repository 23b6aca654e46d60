"""The background tasks of a shop on Celery, traced by celery-opentracing; the broker is a folder.

As a script it is the worker, with a forked process that does the work, which is Celery's default.
"""

from __future__ import annotations

import os

from celery_opentracing import CeleryTracing

import opentracing
from opentracing_zipkin import ZipkinTracer, configure

from .serving import run_worker_until_told

__all__ = ["shop"]


def pack(article: str) -> str:
    with opentracing.tracer.start_active_span("wrap"):
        return article


def lose(article: str) -> str:
    raise LookupError(f"{article} is lost")


def shop(tracer: ZipkinTracer, folder: str) -> CeleryTracing:
    """The application, for the worker's process and for the process that sends tasks."""
    app = CeleryTracing("shop", tracer=tracer, broker="filesystem://", set_as_current=False)
    app.conf.broker_transport_options = {
        "data_folder_in": folder,
        "data_folder_out": folder,
        "control_folder": os.path.join(folder, "control"),
        "polling_interval": 0.05,
    }
    app.conf.task_ignore_result = True
    app.conf.worker_send_task_events = False
    app.task(name="shop.pack")(pack)
    app.task(name="shop.lose")(lose)
    return app


def main() -> None:
    app = shop(configure(), os.environ["SHOP_FOLDER"])
    run_worker_until_told(app)


if __name__ == "__main__":
    main()
