"""A fleet on one machine: in the end every span is found in the store, though servers and brokers were killed.

Eight producers send through a real Kafka of four partitions to two real Zipkin servers on one MariaDB; one Zipkin server is
killed and comes back, then the broker.  The same in small with RabbitMQ.  Prints the balances, and exits with 1 where something
is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from ..integration.server_process import ServerUnavailable
from . import kafka, rabbitmq
from .balance import Balance
from .timetable import say

# The rest goes into starting the servers, reading the broker and waiting for the store.
SHARES = {"kafka": 0.5, "rabbitmq": 0.2}
# Below that there is no time for a server to come back.
LEAST_S = {"kafka": 50.0, "rabbitmq": 30.0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="about how long in all (default: 5)")
    parser.add_argument("--producers", type=int, default=8, help="processes that send through Kafka (default: 8)")
    parser.add_argument("--rate", type=float, default=25.0, help="spans a second of each producer (default: 25)")
    parser.add_argument("--only", choices=list(SHARES), help="one of the two")
    options = parser.parse_args()
    wrong = 0
    for name in [options.only] if options.only else SHARES:
        seconds = max(LEAST_S[name], options.minutes * 60 * SHARES[name])
        begin = time.monotonic()
        try:
            balance = _run(name, seconds, options)
        except ServerUnavailable as error:
            say(str(error))
            return 1
        print(f"\n{TITLES[name]}, {seconds:.0f} s of spans, {time.monotonic() - begin:.0f} s in all\n{balance.table()}\n")
        print(*(f"WRONG: {sentence}" for sentence in balance.wrong), sep="\n", end="\n" if balance.wrong else "")
        sys.stdout.flush()
        wrong += len(balance.wrong)
    print(f"{wrong} things are wrong" if wrong else "the balance is right")
    return 1 if wrong else 0


TITLES = {"kafka": "Kafka: two Zipkin servers on one MariaDB", "rabbitmq": "RabbitMQ: one Zipkin server"}


def _run(name: str, seconds: float, options: argparse.Namespace) -> Balance:
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        if name == "kafka":
            return kafka.run(seconds, options.producers, options.rate, Path(folder))
        return rabbitmq.run(seconds, options.rate, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
