from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.otel.exporter import Exporter, _Exported
from opentracing_zipkin.testing import FakeSender
from tests.interop.otel_spans import generated

SPANS = generated(2000)


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
    exporter = Exporter(sender=FakeSender(), local_ip="10.1.2.3", debug=True)
    yield exporter
    exporter.shutdown()


def _both(exporter: Exporter, span: ReadableSpan) -> tuple[bytes, bytes, bool]:
    """The span by the direct encoder, the span by the codec, and whether the direct encoder did not ask the codec."""
    item = _Exported()
    item._span, item._exporter, item._start = span, exporter, True
    encoder: Any = exporter._reporter._encoder
    with patch.object(_Exported, "make_finished", autospec=True, side_effect=_Exported.make_finished) as asked:
        direct = encoder.encode(item)
    return direct, json_v2.encode(item.make_finished()), not asked.called


def test_the_direct_encoder_writes_the_codecs_bytes(exporter: Exporter) -> None:
    """For spans of every shape the direct encoder writes the codec's bytes, and for many of them it does not need the codec."""
    direct_count = 0
    for span in SPANS:
        direct, coded, is_direct = _both(exporter, span)
        direct_count += is_direct

        assert coded == direct

    assert direct_count > 40


# Parts that could break a text put together from pieces: formats, quotes, characters that a server misreads, non-ASCII.
_hard = st.sampled_from(
    ["%s", "%(a)s", "100%", '"', "\\", "yAnnotations", 'yAnnotations"', "\u2028é", "\ud800", "é", "\0", "{}", ""]
)
_keys = _hard | st.sampled_from(["server.address", "peer.service", "http.url", "a", "deployment.environment"])
_values = (
    _hard
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.sampled_from(["10.0.0.1", "http://a.example:80/%41", "x" * 9000])
)


@given(st.dictionaries(_keys, _values, max_size=5), _hard, st.sampled_from(list(SpanKind)), _hard)
def test_hard_texts_are_the_codecs_too(attributes: dict[str, Any], name: str, kind: SpanKind, event: str) -> None:
    """Unusual texts in keys, values, names and events give the same bytes from both encoders."""
    exporter = Exporter(sender=FakeSender(), local_ip="10.1.2.3")
    span = next(span for span in SPANS if len(span._events._dq) == 1 and not span._links._dq and not span.events[0].attributes)  # type: ignore[attr-defined]
    bounded = BoundedAttributes(None, dict.fromkeys(attributes, "x"), immutable=False)
    bounded._dict.update(attributes)
    made = ReadableSpan(
        name, span.context, span.parent, span.resource, bounded, span._events, span._links, kind,
        start_time=span.start_time, end_time=span.start_time + 9000, instrumentation_scope=span.instrumentation_scope,
    )  # fmt: skip
    made._events._dq[0]._name = event  # type: ignore[attr-defined]
    direct, coded, _ = _both(exporter, made)

    assert coded == direct
    exporter.shutdown()
