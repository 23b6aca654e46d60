"""Makes docs/explanation/scale.md from bench/scale/recorded.json; a RESULT.json of `make scale` is recorded first.

Rules: the page's tables and figures are computed, none is written by hand: tests/bench/scale compares the page with its record.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from string import Template

from ..environments import ROOT
from . import tables
from .figures import COLLECTOR, MAX_LOAD, PARTITION, PROCESS, STORE, Figures, read, write

__all__ = ["PAGE", "RECORD", "made", "main"]

RECORD = Path(__file__).with_name("recorded.json")
TEMPLATE = Path(__file__).with_name("scale.template.md")
PAGE = ROOT / "docs" / "explanation" / "scale.md"


def made(figures: Figures) -> str:
    """The page's text."""
    carried, sizes = figures.carried, figures.message_bytes
    return Template(TEMPLATE.read_text()).substitute(
        machine=figures.machine,
        carried=tables.carried(figures),
        bytes=tables.message_bytes(figures),
        sizes=tables.sizes(figures),
        used=f"{MAX_LOAD * 100:.0f} %",
        process_us=f"{carried[PROCESS].cpu_us:.0f}",
        share=f"{carried[PROCESS].cpu_us / 100:.2g} %",  # 100 spans a second
        partition=tables.rounded(carried[PARTITION].a_second),
        partition_mb=tables.rounded(carried[PARTITION].wire_bytes / carried[PARTITION].seconds / 1e6),
        collector=tables.rounded(1e6 / carried[COLLECTOR].cpu_us),
        store=tables.rounded(carried[STORE].a_second),
        store_us=tables.rounded(carried[STORE].cpu_us),
        ratio=tables.rounded(carried[STORE].cpu_us / carried[COLLECTOR].cpu_us),
        stored=tables.rounded(figures.stored_bytes),
        smaller=f"{sizes['json'] / sizes['proto3']:.1f}",
        gzip=f"{sizes['json'] / sizes['json, gzip']:.0f}",
        both=f"{sizes['json'] / sizes['proto3, gzip']:.0f}",
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale.page", description=__doc__)
    parser.add_argument(
        "result", type=Path, nargs="?", metavar="RESULT.json", help="the results of `make scale`; without them the record stays"
    )
    options = parser.parse_args(arguments)
    if options.result is not None:
        try:
            write(read(options.result), RECORD)
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"scale-page: {options.result} has no results ({error}); run `make scale` first", file=sys.stderr)
            return 1
    PAGE.write_text(made(read(RECORD)))
    print(f"{os.path.relpath(PAGE)} is made from {os.path.relpath(RECORD)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
