"""The tables of `make scale` and of its page."""

from __future__ import annotations

from .figures import RATES, Figures, Size, size

__all__ = ["carried", "message_bytes", "rounded", "sizes"]


def carried(figures: Figures) -> str:
    rows = ["| link | spans/s here | CPU µs a span | spans/s of one core |", "|---|---:|---:|---:|"]
    rows += [
        f"| {_label(each.link)} | {rounded(each.a_second)} | {_short(each.cpu_us)} | {rounded(1e6 / each.cpu_us)} |"
        for each in figures.carried.values()
    ]
    return "\n".join(rows)


def _label(link: str) -> str:
    """The words for a link; its name in recorded.json has fewer."""
    return link.replace("one collector, ", "one Zipkin server, from ")


def message_bytes(figures: Figures) -> str:
    rows = ["| form | bytes a span |", "|---|---:|"]
    rows += [f"| {form} | {rounded(count)} |" for form, count in figures.message_bytes.items()]
    return "\n".join([*rows, f"| MariaDB, with its indexes | {rounded(figures.stored_bytes)} |"])


def sizes(figures: Figures) -> str:
    names = (
        "spans/s",
        "CPU cores of all producers",
        "partitions",
        "Zipkin servers",
        "network MB/s, JSON",
        "network MB/s, proto3 with gzip",
        "storage GB a day",
        "sampling rate for one server",
    )
    rows = [f"| {' | '.join(names)} |", "|" + "---:|" * len(names)]
    return "\n".join([*rows, *(_row(size(figures, rate)) for rate in RATES)])


def _row(each: Size) -> str:
    cells = (
        f"{each.spans_a_second:,}",
        _short(each.producer_cores),
        f"{each.partitions:,}",
        f"{each.servers:,}",
        _short(each.json_mb_a_second),
        _short(each.proto3_mb_a_second),
        rounded(each.stored_gb_a_day),
        f"{each.one_server_rate * 100:.2g} %" if each.one_server_rate < 1 else "100 %",
    )
    return f"| {' | '.join(cells)} |"


def _short(count: float) -> str:
    return f"{count:.2g}" if count < 10 else rounded(count)


def rounded(count: float) -> str:
    """The number in two significant digits; more would differ on another day."""
    return f"{float(f'{count:.2g}'):,.0f}"
