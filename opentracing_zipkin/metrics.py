"""A tracer's statistics as metrics of `prometheus_client`: after one call the application's own `/metrics` page has them.

    opentracing_zipkin.metrics.register()

Rules: the names are those of `TracerStats.to_prometheus`.  A scrape reads a snapshot, and the tracer never waits for it.  A
registry has one collector of ours, however often `register` is called.  Where several processes share one page, a scrape sees
the statistics of its own process only; there `on_stats` writes them to the files that `prometheus_client` sums.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import opentracing

from .exposition import Metric
from .handlers.counting import SpanCounts, total
from .log import log
from .stats import CAUSES, TracerStats
from .tracer import ZipkinTracer

try:
    from prometheus_client import REGISTRY, Counter, Gauge
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError as error:
    raise ImportError(
        "opentracing_zipkin.metrics needs prometheus_client: install the extra 'prometheus' of the distribution 'opentracing' "
        "(or prometheus_client itself); tracer.stats.to_prometheus() needs neither"
    ) from error

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["TracerCollector", "on_stats", "register"]


class HasStats(Protocol):
    """An object with statistics: a tracer, or an exporter."""

    @property
    def stats(self) -> TracerStats: ...


_registered: weakref.WeakKeyDictionary[Any, TracerCollector] = weakref.WeakKeyDictionary()
# Held during each call of the library.  A fork waits for it; otherwise the child could inherit a held lock of the library.
_lock = threading.RLock()
_forking: dict[int, bool] = {}  # the threads that are forking, and whether they hold `_lock`

MAX_FORK_WAIT_S = 1.0


def _before_fork() -> None:
    _forking[threading.get_ident()] = _lock.acquire(timeout=MAX_FORK_WAIT_S)


def _after_fork() -> None:
    if _forking.pop(threading.get_ident(), False):
        _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _after_fork()
    _forking.clear()
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)


def register(
    tracer: HasStats | None = None, registry: CollectorRegistry | None = None, counts: SpanCounts | None = None
) -> TracerCollector:
    """Add a tracer's statistics to a registry, by default that of `prometheus_client`; a second call adds nothing twice.

    Without `tracer`, they are those of the tracer that is global at the time of the scrape.  Several tracers differ by the
    label `service`.  `tracer` may also be the exporter for OpenTelemetry's SDK, which has no service.  `counts` is the result
    of `handlers.count()`.  Raises ValueError for an object without statistics.
    """
    if tracer is not None and not hasattr(tracer, "stats"):
        raise ValueError(
            f"tracer is of type {type(tracer).__qualname__}; use a ZipkinTracer, or leave it out for the global one"
        )
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        log.warning(
            "zipkin: PROMETHEUS_MULTIPROC_DIR is set, and a registered collector shows only the process that answers; use "
            "configure(on_stats=opentracing_zipkin.metrics.on_stats())"
        )
    if counts is not None and not isinstance(counts, SpanCounts):
        raise ValueError(f"counts is of type {type(counts).__qualname__}; use the result of handlers.count()")
    into = REGISTRY if registry is None else registry
    if not hasattr(into, "register"):
        raise ValueError(f"registry is of type {type(into).__qualname__}; use a CollectorRegistry of prometheus_client")
    with _lock:
        collector = _collector_of(into)
        collector.add(tracer, counts)
    return collector


def _collector_of(registry: CollectorRegistry) -> TracerCollector:
    """The registry's collector; a new one if there is none, or if it was unregistered."""
    fresh = TracerCollector()
    try:
        registry.register(fresh)
    except ValueError:  # the names are taken, usually by our own collector
        known = _registered.get(registry)
        if known is None:
            raise
        return known
    _registered[registry] = fresh
    return fresh


class TracerCollector(Collector):
    """The statistics of one registry's tracers; a tracer is left out after its garbage collection."""

    def __init__(self) -> None:
        self._global = False
        self._tracers: weakref.WeakSet[HasStats] = weakref.WeakSet()
        self._counts: list[SpanCounts] = []

    def add(self, tracer: HasStats | None, counts: SpanCounts | None = None) -> None:
        """Add a tracer, or the global one for None, and the counts of spans."""
        if tracer is None:
            self._global = True
        else:
            self._tracers = self._tracers | {tracer}  # a new set, because a scrape may be reading the old one
        if counts is not None and counts not in self._counts:
            self._counts.append(counts)

    def describe(self) -> Iterable[Any]:
        """The names alone; registering a collector asks for them, and reads no statistics."""
        empty = TracerStats(0, 0, 0, 0, {})
        return [_family(metric._replace(samples=[]), ["service"]) for metric in empty.metrics()]

    def collect(self) -> Iterator[Any]:
        """The metrics with their current values."""
        services: dict[str, list[TracerStats]] = {}
        for tracer in self._accounts():
            services.setdefault(getattr(tracer, "service_name", ""), []).append(tracer.stats)
        samples: dict[str, tuple[Metric, dict[tuple[tuple[str, str], ...], int]]] = {}
        for service, stats in services.items():
            for metric in (metric for one in stats for metric in one.metrics()):
                _, sums = samples.setdefault(metric.name, (metric, {}))
                for labels, value in metric.samples:
                    key = tuple({"service": service, **labels}.items())
                    sums[key] = sums.get(key, 0) + value
        for metric, sums in samples.values():
            yield _family(metric._replace(samples=[(dict(key), value) for key, value in sums.items()]), ["service"])
        if self._counts:
            yield _family(total(self._counts), ["name", "kind", "error"])

    def _accounts(self) -> set[HasStats]:
        found: set[HasStats] = set(self._tracers)
        current = opentracing.global_tracer()
        if self._global and isinstance(current, ZipkinTracer):
            found.add(current)
        return found


def _family(metric: Metric, labels: list[str]) -> Any:
    """The metric as an object of `prometheus_client`."""
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    names = list(dict.fromkeys([*labels, *(name for own, _ in metric.samples for name in own)]))
    family = kind(metric.name, metric.meaning, labels=names)
    for own, value in metric.samples:
        family.add_metric([own[name] for name in names], value)
    return family


def on_stats(registry: CollectorRegistry | None = None, **labels: str) -> Callable[[TracerStats], None]:
    """A function for `configure(on_stats=...)` that updates metrics of `prometheus_client`, which its multi-process mode sums.

    Each sample has `labels`.  The function is called on the reporter's thread.
    """
    into = REGISTRY if registry is None else registry
    with _lock:
        metrics = _metric_sets.get(into)
        if metrics is None:
            metrics = _metric_sets[into] = _MetricSet(into, tuple(labels))
    if metrics.names != tuple(labels):
        raise ValueError(f"on_stats() was given the labels {', '.join(metrics.names) or 'none'} before; use the same names")
    return _Updater(metrics, labels)


class _MetricSet:
    """The metrics of `prometheus_client` in one registry."""

    def __init__(self, registry: CollectorRegistry, names: tuple[str, ...]) -> None:
        self.names = names
        self.counters: dict[str, Counter] = {}
        self.gauges: dict[str, Gauge] = {}
        for metric in TracerStats(0, 0, 0, 0, dict.fromkeys(CAUSES, 0)).metrics():
            own = tuple(dict.fromkeys((*names, *metric.samples[0][0])))
            if metric.kind == "counter":
                self.counters[metric.name] = Counter(metric.name, metric.meaning, own, registry=registry)
            else:
                self.gauges[metric.name] = Gauge(
                    metric.name, metric.meaning, own, registry=registry, multiprocess_mode="livesum"
                )


_metric_sets: weakref.WeakKeyDictionary[Any, _MetricSet] = weakref.WeakKeyDictionary()


class _Updater:
    """Adds one tracer's statistics to the metrics; a forked child begins at zero."""

    def __init__(self, metrics: _MetricSet, labels: Mapping[str, str]) -> None:
        self._metric_set = metrics
        self._labels = dict(labels)
        self._pid = os.getpid()
        self._last: dict[tuple[str, ...], int] = {}

    def __call__(self, stats: TracerStats) -> None:
        with _lock:
            self._update(stats)

    def _update(self, stats: TracerStats) -> None:
        if self._pid != os.getpid():
            self._pid, self._last = os.getpid(), {}
        for metric in stats.metrics():
            for own, value in metric.samples:
                labels = {**self._labels, **own}
                if metric.kind == "gauge":
                    _child(self._metric_set.gauges[metric.name], labels).set(value)
                    continue
                key = (metric.name, *own.values())
                more = value - self._last.get(key, 0)
                _child(self._metric_set.counters[metric.name], labels).inc(max(0, more))
                self._last[key] = value


def _child(metric: Any, labels: Mapping[str, str]) -> Any:
    return metric.labels(**labels) if labels else metric
