"""Pools of processes, and processes that are ended from outside: `python -m tests.integration.faults.pools HOW METHOD`.

The program prints "span-id pid" for each span, as the children report it, and closes no tracer.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from typing import Any

import opentracing
from opentracing_zipkin import configure

TASKS = 60
WORKERS = 3


def begin() -> None:
    """Configure a spawned child; a forked one has its parent's tracer."""
    if not opentracing.is_global_tracer_registered():
        configure("pools")


def work(number: int) -> str:
    time.sleep(0.01)  # so that one worker does not do everything
    with opentracing.tracer.start_active_span("work", tags={"pid": str(os.getpid())}) as scope:
        return f"{scope.span.context.span_id} {os.getpid()}"


def leave_pool(context: Any) -> Iterable[str]:
    """Leave the block of a pool, which ends the workers by SIGTERM."""
    with context.Pool(WORKERS, begin) as pool:
        return list(pool.imap(work, range(TASKS)))


def close_pool(context: Any) -> Iterable[str]:
    """Use workers that do five tasks each and end by themselves."""
    pool = context.Pool(WORKERS, begin, maxtasksperchild=5)
    results = list(pool.imap(work, range(TASKS)))
    pool.close()
    pool.join()
    return results


def use_executor(context: BaseContext) -> Iterable[str]:
    with ProcessPoolExecutor(WORKERS, context, begin) as executor:
        return list(executor.map(work, range(TASKS)))


def work_and_wait(results: Any) -> None:
    begin()
    results.put([work(number) for number in range(TASKS // WORKERS)])
    time.sleep(60)


def leave_daemons(context: Any, terminate: bool = False) -> Iterable[str]:
    """Processes that would wait for a minute are ended by the parent's end, or by `terminate`."""
    results = context.Queue()
    processes = [context.Process(target=work_and_wait, args=(results,), daemon=True) for _ in range(WORKERS)]
    for process in processes:
        process.start()
    told = [line for _ in processes for line in results.get(timeout=30)]
    for process in processes if terminate else ():
        process.terminate()
        process.join(10)
    return told


def work_and_sleep_through(results: Any) -> None:
    """Work, and receive SIGTERM in another thread while the main one waits, so that nothing interrupts the main one."""
    begin()
    results.put([work(number) for number in range(TASKS // WORKERS)])
    lock = threading.Lock()
    lock.acquire()

    def interrupt() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    lock.acquire()


def sleep_through(context: Any) -> Iterable[str]:
    results = context.Queue()
    processes = [context.Process(target=work_and_sleep_through, args=(results,)) for _ in range(WORKERS)]
    for process in processes:
        process.start()
    told = [line for _ in processes for line in results.get(timeout=30)]
    for process in processes:
        process.join()
        assert process.exitcode == -signal.SIGTERM
    return told


HOW: dict[str, Callable[[Any], Iterable[str]]] = {
    "a pool that is left": leave_pool,
    "a pool of short-lived workers that is closed": close_pool,
    "an executor": use_executor,
    "daemons that are left": leave_daemons,
    "processes that are about to wait when SIGTERM comes": sleep_through,
    "processes that are terminated": lambda context: leave_daemons(context, terminate=True),
}


def main(how: str, method: str) -> None:
    configure("pools")
    work(0)  # so that the children inherit a generator of ids, a thread and a queue with a span
    print(*HOW[how](multiprocessing.get_context(method)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
