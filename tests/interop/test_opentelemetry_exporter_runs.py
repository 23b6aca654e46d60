"""An unchanged application of OpenTelemetry's SDK and instrumentations uses our exporter if one variable says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector

from .processes import PROJECT

CONFIGURATOR = "[opentelemetry_configurator]\nsdk = opentelemetry.sdk._configuration:_OTelSDKConfigurator\n"


def _as_distro(folder: Path) -> str:
    """Add the entry point of the SDK's configurator, as the package opentelemetry-distro does; returns the folder."""
    metadata = folder / "configurator_of_sdk-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: configurator-of-sdk\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(CONFIGURATOR)
    return str(folder)


@pytest.mark.parametrize("name", ["zipkin", "zipkin_json"])
def test_opentelemetry_instrument_exports_by_ours(name: str, tmp_path: Path, collector: Collector) -> None:
    """Traces of Flask and requests under OpenTelemetry's command are complete, and name the client's remote end.

    The exporter's own requests have no spans.  The deprecated `zipkin_json` is installed here, too, so either may be found
    first; if ours is found, one line names the other.
    """
    environment = {
        **{key: text for key, text in os.environ.items() if not key.startswith(("OTEL_", "ZIPKIN_"))},
        "PYTHONPATH": os.pathsep.join((_as_distro(tmp_path), str(PROJECT))),
        "OTEL_TRACES_EXPORTER": name,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"{collector.url}/api/v2/spans",
        "OTEL_SERVICE_NAME": "shop",
    }
    command = [
        str(Path(sys.executable).parent / "opentelemetry-instrument"),
        sys.executable,
        "-m",
        "tests.interop.apps.otel_sdk_shop",
    ]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert 0 == done.returncode, done.stderr
    traces = list(collector.store.traces())
    ours = name == "zipkin" or "opentracing_zipkin exports the spans" in done.stderr
    if ours:
        assert "opentelemetry-exporter-zipkin-json" in done.stderr

    assert 3 == len(traces), done.stderr
    for trace in traces:
        kinds = {span.kind: span for span in trace}
        assert {None, "CLIENT", "SERVER"} == set(kinds)
        assert "/price" in kinds["SERVER"].name
        if ours:
            remote = kinds["CLIENT"].remote
            assert remote is not None
            assert ("127.0.0.1", True) == (remote.ipv4, remote.port > 0)
            assert not any(span.debug for span in trace)
    assert not any("/api/v2/spans" in text for trace in traces for span in trace for text in span.tags.values())
