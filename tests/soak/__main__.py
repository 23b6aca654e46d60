"""Runs ten minutes of load with a collector that fails at times: the counts must be exact and the memory must not grow.

It prints a line every ten seconds and the balance at the end, draws the memory's curve, and exits with 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from .collector import TIMETABLE

CYCLE_S = sum(seconds for _, seconds in TIMETABLE)
# The memory has a highest point in each round of the timetable.  The last round's may exceed the second round's, when
# everything is warm, by this much; the memory is about 50 MB.
MAX_GROWTH_MB = 8.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="duration in minutes (default: 10)")
    parser.add_argument("--rate", type=float, default=1000.0, help="spans per second (default: 1000)")
    parser.add_argument(
        "--picture", type=Path, default=Path(".cache") / "soak.svg", help="file for the picture of the memory's curve"
    )
    options = parser.parse_args()
    seconds = options.minutes * 60
    collector = _start("collector", json.dumps(TIMETABLE))
    port = int(_line(collector))
    application = _start("application", f"http://127.0.0.1:{port}", str(seconds), str(options.rate))
    result = _follow(application)
    collector.send_signal(signal.SIGTERM)
    arrived = json.loads(_line(collector))
    wrong = _check(result, arrived) + _check_memory(result["curve"])
    _tell(result, arrived)
    _draw(result["curve"], options.picture)
    print(f"the memory's curve is in {options.picture}")
    print(*(f"WRONG: {each}" for each in wrong), sep="\n" if wrong else "")
    return 1 if wrong else 0


def _start(module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", f"tests.soak.{module}", *arguments], stdout=subprocess.PIPE, text=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _follow(application: subprocess.Popen[str]) -> dict[str, Any]:
    """Print the application's lines; the last one is the result."""
    while line := _line(application):
        told: dict[str, Any] = json.loads(line)
        if "finished" in told:
            return told
        print(
            f"{told['at']:5.0f} s  {told['rss_mb']:6.1f} MB  {told['sent']:7d} sent  {told['waiting']:6d} waiting  "
            f"{told['repr'].partition('Reporter(')[2].partition(',')[0]}",
            flush=True,
        )
    raise RuntimeError("the application ended without a result")


def _check(result: dict[str, Any], arrived: dict[str, int]) -> list[str]:
    stats = result["stats"]
    dropped = stats["dropped"]
    wrong = []
    if result["finished"] != stats["finished"] or result["finished"] != stats["sent"] + sum(dropped.values()):
        wrong.append("the tracer's counts differ from the application's count")
    if dropped["rejected"] != result["poisoned"]:
        wrong.append("the collector's refusals dropped spans other than the refused ones")
    if not stats["sent"] <= arrived["distinct"] <= result["finished"] - result["poisoned"]:
        wrong.append("the number of sent spans differs from the number of arrived spans")
    if stats["sent"] + result["poisoned"] != result["finished"]:
        wrong.append("spans were lost, though no outage was long")
    return wrong


def _check_memory(curve: list[tuple[float, float]]) -> list[str]:
    rounds = [[rss for at, rss in curve if start <= at < start + CYCLE_S] for start in range(0, int(curve[-1][0]), CYCLE_S)]
    peaks = [max(each) for each in rounds if each]
    if len(peaks) < 3:
        print("the memory is not judged: that takes 3 minutes")
    elif peaks[-1] - peaks[1] > MAX_GROWTH_MB:
        return [f"the memory has grown: {peaks[1]:.1f} MB at most in the second minute, {peaks[-1]:.1f} MB in the last one"]
    return []


def _tell(result: dict[str, Any], arrived: dict[str, int]) -> None:
    stats, finish = result["stats"], result["finish_us"]
    dropped = ", ".join(f"{count} {cause}" for cause, count in stats["dropped"].items() if count) or "none"
    print(f"finished {result['finished']} = sent {stats['sent']} + dropped {sum(stats['dropped'].values())} ({dropped})")
    print(f"arrived {arrived['distinct']}, and {arrived['again']} of them more than once, as the answer was lost")
    print("finish(): " + ", ".join(f"{name} {finish[share]:.1f} µs" for name, share in SHARES.items()))


SHARES = {"median": "0.5", "p99": "0.99", "p99.9": "0.999", "longest": "1.0"}


def _draw(curve: list[tuple[float, float]], path: Path) -> None:
    import matplotlib as mpl  # imported here, because only the picture needs it

    mpl.use("svg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
    axes.plot([at for at, _ in curve], [rss for _, rss in curve], color="black", linewidth=1)
    start, last = 0.0, curve[-1][0]
    while start < last:
        for fault, seconds in TIMETABLE:
            if fault != "none":
                axes.axvspan(start, min(start + seconds, last), color="tab:red", alpha=0.15, linewidth=0)
            start += seconds
    axes.set(
        xlabel="seconds; the collector fails where it is red", ylabel="resident memory, MB", xlim=(0, last), ylim=(0, None)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == "__main__":
    sys.exit(main())
