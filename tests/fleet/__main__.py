"""A fleet on one machine: in the end every span is found in the store, though servers and brokers were killed.

Eight producers send through a real Kafka of four partitions to two real Zipkin servers on one MariaDB; one Zipkin server is
killed and comes back, then the broker.  The same happens in small with RabbitMQ.  The program prints the balances, and
exits with 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from math import inf

from ..integration.server_process import PROJECT, ServerUnavailable
from . import kafka, rabbitmq
from .balance import Balance
from .timetable import say

# The producers' lists and logs stay here until the next run.
LOGS = PROJECT / ".cache" / "fleet"
# The rest of the time goes into starting the servers, reading the broker and waiting for the store.
SHARES = {"kafka": 0.45, "rabbitmq": 0.15}
# Below that there is no time for a server to come back.
LEAST_S = {"kafka": 50.0, "rabbitmq": 30.0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--minutes", type=_positive(float), default=5.0, help="about how long in all (default: 5)")
    parser.add_argument("--producers", type=_positive(int), default=8, help="processes that send through Kafka (default: 8)")
    parser.add_argument("--rate", type=_positive(float), default=25.0, help="spans a second of each producer (default: 25)")
    parser.add_argument("--only", choices=list(SHARES), help="run only this one of the two")
    options = parser.parse_args()
    wrong = excused = 0
    for name in [options.only] if options.only else SHARES:
        seconds = max(LEAST_S[name], options.minutes * 60 * SHARES[name])
        begin = time.monotonic()
        try:
            balance = _run(name, seconds, options)
        except (ServerUnavailable, RuntimeError) as error:
            say(str(error))
            return 1
        print(f"\n{TITLES[name]}, {seconds:.0f} s of spans, {time.monotonic() - begin:.0f} s in all\n{balance.table()}\n")
        print(*(f"WRONG: {sentence}" for sentence in balance.wrong), sep="\n", end="\n" if balance.wrong else "")
        sys.stdout.flush()
        wrong += len(balance.wrong)
        excused += balance.excused
    print(f"{wrong} things are wrong" if wrong else "the balance is right" + _lost(excused))
    if wrong:
        print(f"the producers' lists and logs are in {LOGS}")
    return 1 if wrong else 0


def _lost(excused: int) -> str:
    return (
        f"; Zipkin lost {excused:,} spans that it had taken from a broker when it or the broker was killed" if excused else ""
    )


TITLES = {"kafka": "Kafka: two Zipkin servers on one MariaDB", "rabbitmq": "RabbitMQ: one Zipkin server"}


def _run(name: str, seconds: float, options: argparse.Namespace) -> Balance:
    folder = LOGS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if name == "kafka":
        return kafka.run(seconds, options.producers, options.rate, folder)
    return rabbitmq.run(seconds, options.rate, folder)


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    """Reads a number above 0, for argparse."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < inf:
            raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
        return number

    return read


if __name__ == "__main__":
    sys.exit(main())
