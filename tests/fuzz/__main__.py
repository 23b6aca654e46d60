"""Fuzz each property with atheris, in a separate process, for a number of seconds; the inputs found stay in `.cache/fuzz`.

Rules: inputs that reached new code are kept for the next run.  The exit status is 1 if any property failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from .properties import PROPERTIES
from .seeds import seeds_of

KEPT = Path(".cache") / "fuzz"

# A few kB reach every branch.  No parser needs half a second, or memory of 100 times its input, for one input.
LIMITS = ["-max_len=4096", "-timeout=5", "-rss_limit_mb=1024", "-malloc_limit_mb=256"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "properties",
        nargs="*",
        default=list(PROPERTIES),
        help=f"properties to fuzz, from {', '.join(PROPERTIES)}; all by default",
    )
    parser.add_argument("--seconds", type=int, default=20, help="seconds for each property (default: 20)")
    options = parser.parse_args(arguments)
    unknown = set(options.properties) - set(PROPERTIES)
    if unknown:
        parser.error(f"no property {', '.join(sorted(unknown))}; there are {', '.join(PROPERTIES)}")
    failed = [name for name in options.properties if not _fuzz(name, options.seconds)]
    if failed:
        print(f"failed: {', '.join(failed)}; the inputs are in {KEPT}, and `python -m tests.fuzz.worker NAME FILE` runs one")
    return 1 if failed else 0


def _fuzz(name: str, seconds: int) -> bool:
    corpus, seeds = KEPT / name, KEPT / f"{name}-seeds"
    for folder in (corpus, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds_of(name)):
        (seeds / str(number)).write_bytes(seed)
    command = [sys.executable, "-m", "tests.fuzz.worker", name, str(corpus), str(seeds)]
    limits = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={KEPT}/{name}-", "-print_final_stats=1"]
    result = subprocess.run([*command, *limits], capture_output=True, text=True, errors="replace", check=False)
    tried = [line.split()[-1] for line in result.stderr.splitlines() if "number_of_executed_units" in line]
    print(
        f"{name}: {tried[0] if tried else 'no'} inputs in {seconds} s, {'ok' if result.returncode == 0 else 'FAILED'}",
        flush=True,
    )
    if result.returncode:
        print(result.stderr[-5000:])
    return result.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
