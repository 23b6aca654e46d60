"""The account in prometheus_client's registries: one call, any number of times, and the numbers are those of `tracer.stats`."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as families

import opentracing
from opentracing_zipkin import TracerStats, ZipkinTracer, configure, metrics
from opentracing_zipkin.exposition import OPENMETRICS_TYPE, PROMETHEUS_TYPE
from opentracing_zipkin.handlers import count
from opentracing_zipkin.otel.exporter import Exporter
from opentracing_zipkin.stats import CAUSES
from opentracing_zipkin.testing import FakeSender

pytestmark = pytest.mark.usefixtures("no_global_tracer")

STATS = TracerStats(9, 3, 2, 1, {**dict.fromkeys(CAUSES, 0), "full": 2, "expired": 1})


def traced(service: str, spans: int, **settings: Any) -> ZipkinTracer:
    """A tracer that has sent this number of spans."""
    tracer = ZipkinTracer(service, sender=FakeSender(), **settings)
    for _ in range(spans):
        tracer.start_span("a").finish()
    assert tracer.flush(5)
    return tracer


def numbers(text: bytes) -> dict[str, float]:
    """Each sample's value, by its name and labels."""
    return {
        sample.name + "".join(f" {label}={value}" for label, value in sorted(sample.labels.items())): sample.value
        for family in families(text.decode())
        for sample in family.samples
    }


# The text


def test_the_text_without_a_library_is_that_of_prometheus() -> None:
    """Prometheus' own parser reads the text of the statistics, with and without labels."""
    for labels in ({}, {"service": 'a"b\\\n'}):
        read = {family.name: family for family in families(STATS.to_prometheus(**labels))}

        assert {f"zipkin_spans_{name}" for name in ("finished", "sent", "dropped", "queued", "in_flight")} == set(read)
        assert ("counter", 9, labels) == (
            read["zipkin_spans_finished"].type,
            *read["zipkin_spans_finished"].samples[0][2:1:-1],
            read["zipkin_spans_finished"].samples[0].labels,
        )
        assert {cause: STATS.dropped[cause] for cause in CAUSES} == {
            sample.labels["cause"]: sample.value for sample in read["zipkin_spans_dropped"].samples
        }


def test_the_text_of_openmetrics_is_valid() -> None:
    """OpenMetrics' text declares counters without `_total` and ends with `# EOF`."""
    text = STATS.to_openmetrics(service="checkout")
    read = {family.name: family for family in openmetrics_families(text)}

    assert text.endswith("\n# EOF\n")
    assert "zipkin_spans_sent_total" == read["zipkin_spans_sent"].samples[0].name
    assert ("counter", "gauge") == (read["zipkin_spans_sent"].type, read["zipkin_spans_queued"].type)
    assert OPENMETRICS_TYPE.startswith("application/openmetrics-text; version=1.0.0")
    assert PROMETHEUS_TYPE.startswith("text/plain; version=0.0.4")


# A collector


def test_one_call_puts_the_account_into_a_registry() -> None:
    """One call registers the metrics under the names of `to_prometheus`, with the service as label."""
    registry = CollectorRegistry()
    tracer = traced("shop", 3)
    metrics.register(tracer, registry)

    assert numbers(tracer.stats.to_prometheus(service="shop").encode()) == numbers(generate_latest(registry))
    assert numbers(generate_latest(registry))["zipkin_spans_sent_total service=shop"] == 3
    openmetrics = generate_openmetrics(registry).decode()
    assert {family.name for family in openmetrics_families(tracer.stats.to_openmetrics())} == {
        family.name for family in openmetrics_families(openmetrics)
    }


def test_without_a_tracer_it_is_the_global_one_of_the_moment() -> None:
    """Without a tracer the global one at the scrape is read; a tracer of another make has no samples."""
    registry = CollectorRegistry()
    metrics.register(registry=registry)

    assert {} == numbers(generate_latest(registry))
    for name in ("first", "second"):
        tracer = configure(name, sender=FakeSender(), handle_sigterm=False)
        tracer.start_span("a").finish()
        assert tracer.flush(5)
        samples = numbers(generate_latest(registry))
        assert samples[f"zipkin_spans_sent_total service={name}"] == 1
        assert {name} == {sample.rpartition("service=")[2] for sample in samples}


def test_registering_again_changes_nothing() -> None:
    """Registering again, in any order, counts nothing twice."""
    registry = CollectorRegistry()
    tracer = traced("shop", 3)
    opentracing.set_global_tracer(tracer)
    collectors = [metrics.register(one, registry) for one in (tracer, None, tracer, None)]

    assert 1 == len(set(map(id, collectors)))
    assert numbers(generate_latest(registry))["zipkin_spans_sent_total service=shop"] == 3


def test_the_exporter_for_the_sdk_has_an_account_as_well() -> None:
    """The exporter for the SDK can be registered, and its samples have no service."""
    registry, exporter = CollectorRegistry(), Exporter(sender=FakeSender())
    metrics.register(exporter, registry)

    assert 0 == numbers(generate_latest(registry))["zipkin_spans_sent_total service="]
    exporter.shutdown()


def test_what_has_no_account_is_refused() -> None:
    """An object without statistics raises ValueError with the remedy."""
    with pytest.raises(ValueError, match="tracer is of type Tracer; use a ZipkinTracer, or leave it out"):
        metrics.register(opentracing.Tracer(), CollectorRegistry())  # type: ignore[arg-type]


def test_several_tracers_differ_by_their_service() -> None:
    """Tracers differ by their service; those of one service are summed, and a deleted one is left out."""
    registry = CollectorRegistry()
    tracers = [traced("shop", 1), traced("bank", 2), traced("bank", 4)]
    for tracer in tracers:
        metrics.register(tracer, registry)
    samples = numbers(generate_latest(registry))

    assert (1, 6) == tuple(samples[f"zipkin_spans_sent_total service={name}"] for name in ("shop", "bank"))
    del tracer, tracers[1:]
    deadline = time.monotonic() + 10
    while "zipkin_spans_sent_total service=bank" in samples and time.monotonic() < deadline:
        time.sleep(0.01)  # until the reporters have let go of them
        gc.collect()
        samples = numbers(generate_latest(registry))
    assert 1 == samples["zipkin_spans_sent_total service=shop"]
    assert "zipkin_spans_sent_total service=bank" not in samples


def test_the_default_registry_is_that_of_the_library() -> None:
    """The default registry is the library's, and the application's metrics stay."""
    code = """
import prometheus_client, opentracing_zipkin.metrics
opentracing_zipkin.metrics.register()
opentracing_zipkin.metrics.register()
opentracing_zipkin.configure("shop", enabled=False)
text = prometheus_client.generate_latest().decode()
assert 'zipkin_spans_finished_total{service="shop"} 0.0' in text and "python_info" in text, text
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_names_that_others_have_taken_are_refused() -> None:
    """If names are taken, the library refuses our collector when it is registered."""
    registry = CollectorRegistry()
    metrics.register(traced("shop", 0), registry)

    with pytest.raises(ValueError, match="Duplicated"):
        Counter("zipkin_spans_sent", "mine", registry=registry)


def test_the_counts_of_a_handler_can_stand_beside_it() -> None:
    """The counts of the handler `count` are metrics by name, kind and error."""
    registry, counts = CollectorRegistry(), count()
    tracer = traced("shop", 3, handlers=[counts])
    for _ in range(2):
        metrics.register(tracer, registry, counts)

    assert 3 == numbers(generate_latest(registry))["zipkin_spans_seen_total error=false kind=LOCAL name=a"]


def test_several_counts_are_summed() -> None:
    """Several counts are summed, because OpenMetrics' parser allows each metric and sample once."""
    registry = CollectorRegistry()
    for spans in (3, 4):
        counts = count()
        metrics.register(traced("shop", spans, handlers=[counts]), registry, counts)
    names = [family.name for family in openmetrics_families(generate_openmetrics(registry).decode())]

    assert sorted(set(names)) == sorted(names)
    assert 7 == numbers(generate_latest(registry))["zipkin_spans_seen_total error=false kind=LOCAL name=a"]


def test_after_unregistering_one_may_register_again() -> None:
    """After unregistering, a new registration has only what it is given."""
    registry, former, later = CollectorRegistry(), traced("bank", 1), traced("shop", 2)
    registry.unregister(metrics.register(former, registry))
    metrics.register(later, registry)
    samples = numbers(generate_latest(registry))

    assert 2 == samples["zipkin_spans_sent_total service=shop"]
    assert "zipkin_spans_sent_total service=bank" not in samples


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"registry": 5}, "registry is of type int; use a CollectorRegistry"),
        ({"counts": count}, r"counts is of type function; use the result of handlers.count\(\)"),
    ],
)
def test_a_wrong_argument_is_told_with_the_remedy(given: dict[str, Any], told: str) -> None:
    """A wrong argument raises with the remedy at the registration, not at a scrape."""
    with pytest.raises(ValueError, match=told):
        metrics.register(**{"registry": CollectorRegistry(), **given})


def test_a_scrape_makes_no_span_wait() -> None:
    """While another thread scrapes at full speed, all spans are sent, and the numbers of each scrape add up."""
    registry, done, failures = CollectorRegistry(), threading.Event(), []
    tracer = ZipkinTracer("shop", sender=FakeSender())
    metrics.register(tracer, registry)

    def scrape() -> None:
        while not done.is_set():
            found = numbers(generate_latest(registry))
            parts = sum(value for name, value in found.items() if "finished" not in name)
            if parts != found["zipkin_spans_finished_total service=shop"]:
                failures.append(found)

    thread = threading.Thread(target=scrape)
    thread.start()
    for _ in range(2_000):
        tracer.start_span("a").finish()
    assert tracer.flush(30)
    done.set()
    thread.join()

    assert [] == failures
    assert 2_000 == tracer.stats.sent


def _scraped(registry: Any, tracer: ZipkinTracer, answer: Any) -> None:
    first = numbers(generate_latest(registry))
    tracer.start_span("child").finish()
    tracer.flush(5)
    answer.put((first, numbers(generate_latest(registry))))


def test_a_forked_child_shows_its_own_account() -> None:
    """A forked child's statistics begin at zero."""
    registry = CollectorRegistry()
    tracer = traced("shop", 3)
    metrics.register(tracer, registry)
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    process = context.Process(target=_scraped, args=(registry, tracer, answer))
    process.start()
    first, second = answer.get(timeout=20)
    process.join(20)
    name = "zipkin_spans_sent_total service=shop"

    assert (0, 1, 3) == (first[name], second[name], numbers(generate_latest(registry))[name])


def test_without_the_library_the_extra_is_named() -> None:
    """Without the library the ImportError names the extra, and the statistics as text need no library."""
    code = """
import sys
sys.modules["prometheus_client"] = None
try:
    import opentracing_zipkin.metrics
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert "install the extra 'prometheus' of the distribution 'opentracing'" in done.stdout


# Several processes behind one page

WORKERS = """
import os, sys, threading
import opentracing_zipkin
from opentracing_zipkin import metrics
from opentracing_zipkin.testing import FakeSender

update, written, due = metrics.on_stats(service="shop"), threading.Event(), 0

def on_stats(stats):
    update(stats)
    if stats.sent == due:
        written.set()

tracer = opentracing_zipkin.configure("shop", sender=FakeSender(), on_stats=on_stats, flush_interval=0.01)
children = []
for spans in (1, 2, 4):
    child = os.fork()
    if child == 0:
        due = spans
        for _ in range(spans):
            tracer.start_span("a").finish()
        sys.exit(0 if written.wait(20) else 1)
    children.append(child)
for child in children:
    assert 0 == os.waitpid(child, 0)[1]

from prometheus_client import CollectorRegistry, generate_latest, multiprocess
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
sys.stdout.write(generate_latest(registry).decode())
"""


def test_on_stats_sums_the_processes_of_a_page(tmp_path: Path) -> None:
    """`on_stats` lets the multi-process mode sum all processes, also those that have ended."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", WORKERS], env=environment, capture_output=True, timeout=60, check=False)
    samples = numbers(done.stdout)

    assert (0, b"") == (done.returncode, done.stderr)
    assert 7 == samples["zipkin_spans_sent_total service=shop"] == samples["zipkin_spans_finished_total service=shop"]
    assert 0 == samples["zipkin_spans_dropped_total cause=full service=shop"]


FORKS = """
import os, signal, sys, threading
from opentracing_zipkin import TracerStats, metrics

update = metrics.on_stats(service="shop")
stats = TracerStats(1, 1, 0, 0, {})

def write():
    while True:
        update(stats)

sys.setswitchinterval(1e-6)
threading.Thread(target=write, daemon=True).start()
for _ in range(60):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        thread = threading.Thread(target=update, args=(stats,))
        thread.start()
        thread.join()
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1], "a child waits for a lock of its parent's"
print("done")
"""


@pytest.mark.parametrize("several", [True, False])
def test_a_fork_while_metrics_are_written_leaves_no_lock_held(tmp_path: Path, several: bool) -> None:
    """A fork during an update leaves no lock held, for which the child's spans would wait for ever."""
    environ = {**os.environ, **({"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)} if several else {})}
    done = subprocess.run([sys.executable, "-c", FORKS], env=environ, capture_output=True, text=True, timeout=120, check=False)

    assert (0, "done") == (done.returncode, done.stdout.strip()), done.stderr


def test_register_says_that_it_cannot_see_other_processes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """With the multi-process variable set, `register` warns that it sees one process, and names `on_stats`."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics.register(traced("shop", 0), CollectorRegistry())

    assert "configure(on_stats=opentracing_zipkin.metrics.on_stats())" in caplog.text


def test_on_stats_gives_the_same_numbers() -> None:
    """`on_stats` adds the difference since its last call, and a second one writes into the same metrics."""
    registry = CollectorRegistry()
    update, other = metrics.on_stats(registry), metrics.on_stats(registry)
    update(STATS)
    update(STATS)
    update(STATS._replace(finished=19, sent=13, queued=0))
    other(STATS)
    samples = numbers(generate_latest(registry))

    assert (28, 16) == (samples["zipkin_spans_finished_total"], samples["zipkin_spans_sent_total"])
    assert (4, 2) == tuple(samples[f"zipkin_spans_dropped_total cause={cause}"] for cause in ("full", "expired"))
    assert (2, 1) == (samples["zipkin_spans_queued"], samples["zipkin_spans_in_flight"])
    with pytest.raises(ValueError, match="was given the labels none before"):
        metrics.on_stats(registry, service="shop")
