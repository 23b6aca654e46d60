"""Process 1 of a container: `unshare --pid --fork python -m tests.integration.apps.first_process HOW`.

The program finishes 40 spans while a signal comes twice; it prints the sent spans after each, and the balance at the end.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from opentracing_zipkin import configure

SPANS = 40
SIGNAL_AT = (10, 25)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


def raise_where_a_server_restored_the_default() -> None:
    """Raise SIGTERM with the default handler, as uvicorn does after it has stopped."""
    former = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, former)


HOW = {"kill": kill, "hang up": hang_up, "raise": raise_where_a_server_restored_the_default}


def main(how: str) -> None:
    assert os.getpid() == 1
    tracer = configure("first", flush_interval=60)
    for number in range(1, SPANS + 1):
        tracer.start_trace("work").finish()
        if number in SIGNAL_AT:
            HOW[how]()
            deadline = time.monotonic() + 5
            while tracer.stats.sent < number and time.monotonic() < deadline:
                time.sleep(0.01)
            print(tracer.stats.sent)
    print(tracer.flush(5), tracer.stats.sent, sum(tracer.stats.dropped.values()))


if __name__ == "__main__":
    main(sys.argv[1])
