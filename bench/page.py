"""Makes docs/explanation/benchmarks.md and its pictures from the results of `python -m bench --json FILE`; measures nothing.

Rules: the page has only measured numbers.  A missed target is in bold in the table and is named below it.  A part that was
measured alone replaces its chapter, which then says when and where it was measured.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from math import hypot
from pathlib import Path
from statistics import mean
from string import Template

from . import results
from .environments import ROOT
from .exporting import measure as exporting
from .instrumented import measure as instrumented
from .results import Result, Unusable
from .table import OURS, Row, bounded, bridged, line, number, ratio

__all__ = ["main", "write"]

TEMPLATE = Path(__file__).with_name("benchmarks.template.md")
FOLDER = ROOT / "docs" / "explanation"
PAGE = "benchmarks.md"
RATIOS_PICTURE, SERVICES_PICTURE = "benchmarks.svg", "benchmarks-services.svg"  # beside the page
NEXT_CHAPTER = "## Services under load"  # follows the chapters that may be measured alone

PEERS = {
    "limit": "limit",
    "otel": "OpenTelemetry",
    "py_zipkin": "py_zipkin",
    "aiozipkin": "aiozipkin",
    "upstream_noop": "opentracing 2.4",
    "bare": "requests",
}

CURVES = {
    "delay": """\
The delay of a thread that sleeps for 0.5 ms, next to an idle reporter and next to one that is busy with 5,000 spans.
`naive` is a reporter that encodes all of them at once.
The target for the 99th percentile next to a busy reporter is 1.5 ms.""",
    "rates": """\
The caller's median cost of a root span, by the number of spans a second, which are made one at a time.
Rare spans cost more with any tracer, because the processor's caches are cold.""",
    "threads": "Root spans a second of all threads together, by the number of threads.",
    "tags": "The caller's least cost of a root span, by the number of its tags.",
    "growth": """\
Resident memory after this number of spans; each span has a value that no other span has.
`make bench BENCH="--spans 10000000"` measures ten million.""",
    "collection": "The time of the garbage collector's full pass, without spans and with a full queue.",
}

# The measure of a curve's point -> the label of its row.
POINTS = {
    **{f"{measure}_ms": f"{{}} reporter, {measure}, ms" for measure in ("p50", "p95", "p99")},
    "median_us": "{} span{s} a second, median cost, µs",
    "spans_per_s": "{} thread{s}, spans a second",
    "least_us": "{} tag{s}, least cost, µs",
    "off_the_line_percent": "greatest distance from a straight line, %",
    "resident_mb": "after {} span{s}, resident MB",
    "delivered_spans": "delivered spans",
    "full_pass_ms": "{} span{s} in the queue, full pass, ms",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("first", type=Path, metavar="RESULT.json", help="the results of a whole run")
    parser.add_argument(
        "others", type=Path, metavar="OTHER.json", nargs="*", help="results of other Pythons; their ratios are added below"
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="folder for the page and its pictures (default: docs/explanation)"
    )
    parser.add_argument(
        "--parts", action="store_true", help="replace only the chapters of the existing page that these results have"
    )
    options = parser.parse_args(arguments)
    try:
        if options.parts:
            return _replace([options.first, *options.others], options.folder / PAGE)
        write([_read(options.first), *(_read(other, ("costs",)) for other in options.others)], options.folder)
    except Unusable as error:
        print(f"bench-page: {error}", file=sys.stderr)
        return 1
    made_of = ", ".join(map(str, [options.first, *options.others]))
    print(f"{os.path.relpath(options.folder / PAGE)} and its pictures are made of {made_of}")
    return 0


def _read(file: Path, parts: Sequence[str] = results.PARTS) -> Result:
    result = results.read(file)
    results.check_whole(result, file, parts)
    return result


def _replace(files: Sequence[Path], page: Path) -> int:
    """Replace chapters of the page by the results of parts that were measured alone."""
    text = page.read_text()
    for file in files:
        for chapter in _chapters(results.read(file), file):
            text = _with_chapter(text, chapter)
    page.write_text(text)
    print(f"{os.path.relpath(page)} has the chapters of {', '.join(map(str, files))}")
    return 0


def _chapters(result: Result, file: Path) -> list[str]:
    if result.get("failures"):
        raise Unusable(f"no chapter is made of {file}: {len(result['failures'])} of its measurements failed")
    made = []
    if result.get("requests"):
        made.append((_requests(result["requests"]), "starts"))
    if result.get("costs"):
        made.append((_bridged(_rows(result)), "rounds"))
    if result.get("exports"):
        made.append((_exports(result["exports"]), "starts"))
    if not made:
        raise Unusable(f"no chapter is made of {file}: it lacks requests, costs and exports")
    said = [f"Measured alone, in {result['options'][times]} {times}.\n{_machine(result)}" for _, times in made]
    return [chapter.replace("\n\n", f"\n\n{how}\n\n", 1) for (chapter, _), how in zip(made, said, strict=True)]


def _with_chapter(text: str, chapter: str) -> str:
    """The text with the chapter in place of the one with its title, or before `NEXT_CHAPTER`."""
    title = chapter.partition("\n")[0]
    before, found, rest = text.partition(f"{title}\n")
    if not found:
        before, found, rest = text.partition(f"{NEXT_CHAPTER}\n")
        return f"{before}{chapter}\n{found}{rest}"
    after = rest.partition("\n## ")[2]
    return f"{before}{chapter}\n## {after}"


def write(measured: Sequence[Result], folder: Path) -> None:
    """Write the page of the first result, which has all parts, with the ratios of the other results, and the pictures."""
    from . import plot  # matplotlib comes with the extra `bench`

    text = _text(measured[0], measured[1:])
    folder.mkdir(parents=True, exist_ok=True)
    plot.ratios(_rows(measured[0]), folder / RATIOS_PICTURE)
    plot.services(measured[0]["services"], folder / SERVICES_PICTURE)
    (folder / PAGE).write_text(text)


def _text(first: Result, others: Sequence[Result]) -> str:
    text = Template(TEMPLATE.read_text()).substitute(
        machine=_machine(first),
        ratios=_ratios(first),
        ratios_picture=RATIOS_PICTURE,
        missed=_missed(first),
        absolute=_absolute(first),
        requests=_requests(first["requests"]),
        bridged=_bridged(_rows(first)),
        exports=_exports(first["exports"]),
        services=_services(first["services"]),
        curves=_curves(first["curves"]),
    )
    for other in others:
        text += f"\n## On Python {other['machine']['python']}\n\n{_machine(other)}\n\n{_ratios(other)}\n{_missed(other)}"
    return text


def _machine(result: Result) -> str:
    machine = result["machine"]
    versions = ", ".join(requirement.replace("==", " ") for requirement in result["requirements"])
    return (
        f"Measured on {machine['date']}: {machine['cores']} cores of {machine['processor']}, {machine['system']}, "
        f"Python {machine['python']}, load {machine['load']} before it began.\nVersions: {versions}."
    )


def _rows(result: Result) -> list[Row]:
    return [Row(row["task"], row["measure"], row["costs"], row["ratios"]) for row in result["costs"]["rows"]]


def _title(row: Row) -> str:
    """The title without the unit, because a ratio has no unit."""
    return row.title.rpartition(", ")[0]


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    return "\n".join([line(head), line(["---", *["--:"] * (len(head) - 1)]), *map(line, body)]) + "\n"


def _ratios(result: Result) -> str:
    with_target = [row for row in _rows(result) if row.targets or row.allowances]
    return _table(["work", *PEERS.values()], [[_title(row), *(ratio(row, peer) for peer in PEERS)] for row in with_target])


def _missed(result: Result) -> str:
    missed = {_title(row): row.missed_names for row in _rows(result) if row.missed_names}
    lines = [f"- {title}: {', '.join(PEERS[peer] for peer in peers)}\n" for title, peers in missed.items()]
    return "Targets missed in this run:\n\n" + "".join(lines) if lines else "No target is missed in this run.\n"


def _absolute(result: Result) -> str:
    names = [OURS, *PEERS]
    body = [[row.title, *(number(row.costs.get(name)) for name in names)] for row in _rows(result)]
    return _table(["work", OURS, *PEERS.values()], body)


LAYERS = {
    "headers": "the client's library checks, writes and sends four headers",
    "extract": "the received headers are read",
    "spans": "two spans get ids, times and tags, and their context is injected",
    "ours": "the rest of instrumentation: routes, addresses, streams, errors, hooks, copies of headers",
}


def _requests(found: instrumented.Found) -> str:
    text = """\
## What tracing adds to a request

A request makes two spans: the service's own, and one for its call to another service.
The services are Flask with a call by requests, and FastAPI with a call by httpx.
The application is called in the same way as by a server.
The client's connection discards the request and returns a fixed answer; the rest is the code of the libraries.
The numbers are the CPU time of the thread that serves the request, without the reporter's thread.
Each way of tracing has its own process, with the same service traced and not traced.
All processes serve blocks of eight requests in turn, and the fastest quarter of the turns counts.
At 100 % the caller has decided that the trace is sampled; at 1 % the service decides.
"OpenTelemetry" is its SDK with the Zipkin JSON exporter, B3, and the stock instrumentations of these libraries.
These make two spans more for a request to FastAPI.
"Ours" is `install()` of both libraries.
"""
    head = ["service", "request without tracing, µs", "added by ours, µs", "added by OpenTelemetry, µs", "ours / OpenTelemetry"]
    body = [_request(name, percent, added) for name, percents in found.items() for percent, added in percents.items()]
    text += "\n" + _table(head, body)
    missed = instrumented.missed(found)
    text += _missed_line(missed)
    text += "\nThe parts of our cost at 100 %; each line is the cost in addition to the line before:\n\n"
    layers = _table(["layer", *(f"{name}, µs" for name in found)], [_layer(name, found) for name in LAYERS])
    return text + layers + _noop(found) + _on_our_provider(found)


def _request(framework: str, percent: str, added: instrumented.Added) -> list[str]:
    ratio, max_ratio = instrumented.ratio(added), instrumented.MAX_RATIOS[framework, percent]
    us = [f"{mean(added[way]):.0f}" for way in (instrumented.WITHOUT, "ours", "otel")]
    return [f"{framework}, {percent}", *us, bounded(ratio.value, max_ratio, ratio.error)]


def _layer(name: str, found: instrumented.Found) -> list[str]:
    before = [*LAYERS][: [*LAYERS].index(name)]
    us = [mean(of["100%"][name]) - (mean(of["100%"][before[-1]]) if before else 0) for of in found.values()]
    return [LAYERS[name], *(f"{each:.0f}" for each in us)]


def _noop(found: instrumented.Found) -> str:
    us = " and ".join(f"{mean(of['100%']['noop']):.0f} µs ({name})" for name, of in found.items())
    return f"\nInstalled without a tracer, the instrumentation adds {us}; differences below 10 µs mean nothing.\n"


def _on_our_provider(found: instrumented.Found) -> str:
    """A table of OpenTelemetry's own instrumentations, at 100 %."""
    text = """
OpenTelemetry's instrumentations also run on our provider, without its SDK.
Most of the cost is then their own code, which is the same on both.

"""
    head = ["service", "added on its SDK, µs", "added on our provider, µs", "our provider / its SDK"]
    body = []
    for framework, percents in found.items():
        added = percents["100%"]
        ratio = instrumented.ratio(added, "bridged")
        us = [f"{mean(added[way]):.0f}" for way in ("otel", "bridged")]
        body.append([framework, *us, bounded(ratio.value, instrumented.MAX_BRIDGED_RATIO, ratio.error)])
    return text + _table(head, body) + _missed_line(instrumented.missed_bridged(found))


def _missed_line(missed: Sequence[str]) -> str:
    return f"\nTargets missed in this run: {'; '.join(missed)}.\n" if missed else "\nNo target is missed in this run.\n"


def _bridged(rows: Sequence[Row]) -> str:
    text = """\
## OpenTelemetry's API without its SDK

The same calls of OpenTelemetry's API, once on our provider and once on its SDK with the Zipkin JSON exporter and B3.

"""
    costs = bridged(row for row in rows if row.measure != "median")  # on a busy machine the median means nothing
    head = ["work", "our provider", "its SDK", "our provider / its SDK"]
    body = [[each.title, number(each.on_ours), number(each.on_sdk), bounded(each.ratio, each.max_ratio)] for each in costs]
    return text + _table(head, body) + _missed_line([each.title for each in costs if each.is_missed])


def _exports(found: exporting.Found) -> str:
    text = """\
## Exporting the spans of OpenTelemetry's SDK

Batches of 512 spans go to our exporter and to OpenTelemetry's deprecated one, until the collector has accepted them.
The spans are those of servers and clients with five to seven attributes; some have an event.
The numbers are the CPU time of the whole process for a span, HTTP included; in each start, the least of the turns counts.
Both exporters get the same spans; ours also writes the remote endpoint, which the deprecated one leaves out.

"""
    head = ["format", "the deprecated exporter, µs", "ours, µs", "ours / the deprecated one"]
    body = [
        [
            encoding,
            f"{mean(of['old']):.1f}",
            f"{mean(of['ours']):.1f}",
            bounded(exporting.ratio(of), exporting.MAX_RATIOS[encoding]),
        ]
        for encoding, of in found.items()
    ]
    return text + _table(head, body) + _missed_line(exporting.missed(found))


def _services(found: dict[str, dict[str, dict[str, float]]]) -> str:
    text = """\
## Services under load

A service under load calls a second one, and both are traced: Flask on gunicorn with requests, FastAPI on uvicorn with httpx.
A sampled request makes three spans.
Services, load and collector share the cores; the CPU is that of the two services, including the reports of their spans.
One pair of processes has all tracers loaded, and serves 400 requests with each way of tracing in turn, in random order.
A turn ends when its spans are reported; the pair is started four times.
Throughput and CPU are those of the median turn.
"Added" is the mean of the CPU above the turn without tracing in the same round, with its standard error.
The delays are those of all turns at 100 requests a second, counted from the moment when a request was due.
p50 is the median of the delays, and p99 is exceeded by 1 % of them.
Sending B3's headers, and parsing them in the server, costs something with any tracer; "headers alone" is that cost.
"""
    text += f"\n![Requests a second and CPU a request]({SERVICES_PICTURE})\n"
    rates = ["requests/s, at most", "share of those without tracing"]
    times = ["CPU a request, ms", "added, ms", "p50, ms", "p99, ms"]
    for framework, ways in found.items():
        head = [framework, *rates, *times, "spans that arrived"]
        text += "\n" + _table(head, [_service(way, of, ways["without"]) for way, of in ways.items()])
        text += f"\n{_ratio_to_otel(ways)}\n"
    return text


def _ratio_to_otel(ways: dict[str, dict[str, float]]) -> str:
    """The ratio of our cost to OpenTelemetry's, with everything sampled."""
    ours, other, headers = (ways[way] for way in ("ours, 100%", "otel, 100%", "headers alone"))
    ratio = ours["more_ms"] / other["more_ms"]
    error = ratio * hypot(*(of["more_error_ms"] / of["more_ms"] for of in (ours, other)))
    beyond = (ours["more_ms"] - headers["more_ms"]) / (other["more_ms"] - headers["more_ms"])
    return (
        f"At 100 %, ours adds {ratio:.0%} ± {error:.0%} of the CPU that OpenTelemetry adds; "
        f"without the headers, which both send, {beyond:.0%}."
    )


def _service(way: str, found: dict[str, float], without: dict[str, float]) -> list[str]:
    return [
        way,
        f"{found['requests_per_s']:.0f}",
        f"{found['requests_per_s'] / without['requests_per_s']:.0%}",
        f"{found['cpu_ms']:.2f}",
        f"{found['more_ms']:+.3f} ± {found['more_error_ms']:.3f}",
        f"{found['p50_ms']:.1f}",
        f"{found['p99_ms']:.1f}",
        f"{found['arrived']:.1%}",
    ]


def _curves(curves: dict[str, dict[str, dict[str, float]]]) -> str:
    text = "## More spans, threads and tags\n"
    for curve, of_tracers in curves.items():
        points = next(iter(of_tracers.values()))
        body = [[_point(at), *(number(found[at]) for found in of_tracers.values())] for at in points]
        text += f"\n{CURVES[curve]}\n\n" + _table([curve, *of_tracers], body)
    return text


def _point(at: str) -> str:
    """The label of a curve's point, whose name is that of `bench.curves`."""
    of, _, measure = at.replace("empty", "0").rpartition(" ")
    return POINTS[measure].format(f"{int(of):,}" if of.isdigit() else of, s="" if of == "1" else "s")


if __name__ == "__main__":
    sys.exit(main())
