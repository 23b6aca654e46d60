"""The published table of spans and bytes, compared with a real server."""

from __future__ import annotations

import pytest

from ..opentracing_zipkin.codec.cases import CASES, Case, span_of
from .spans_api import SpansApi


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.encoding}")
def test_a_real_server_reads_the_bytes_as_the_table_says(case: Case, api: SpansApi) -> None:
    """A real server reads each message as `conformance/spans.json` says."""
    number = f"5{CASES.index(case):015x}"
    expected = [span_of(fields) for fields in case.reads_as]
    for span in expected:
        if span.span_id == span.trace_id:  # a root
            span.span_id = number
        span.trace_id = span.trace_id[:-16] + number
    api.send(case.encoding, _with_trace_id(case, number))

    assert expected == api.trace(expected[0].trace_id, len(expected))


def _with_trace_id(case: Case, number: str) -> bytes:
    """The message under another trace id, which makes it separate; each encoding has the low half in one piece."""
    former = case.span["traceId"][-16:]
    pair = (former.encode(), number.encode())
    if not case.encoding.startswith("json"):
        pair = (bytes.fromhex(former), bytes.fromhex(number))
    assert pair[0] in case.body
    return case.body.replace(*pair)
