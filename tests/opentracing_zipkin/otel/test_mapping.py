from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.model import Endpoint
from opentracing_zipkin.otel import mapping


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class _Broken(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no items")


TEXTS: list[tuple[Any, str]] = [
    ("as it is", "as it is"),
    ("", ""),
    (True, "true"),
    (False, "false"),
    (7, "7"),
    (-(2**63), "-9223372036854775808"),
    (1.5, "1.5"),
    (1e300, "1e+300"),
    (float("nan"), "NaN"),
    (float("inf"), "Infinity"),
    (float("-inf"), "-Infinity"),
    (None, ""),
    (b"hello world", "aGVsbG8gd29ybGQ="),
    ((), "[]"),
    (("a", "b"), '["a", "b"]'),
    ([1, True, None, "é"], '[1, true, null, "é"]'),
    ((1, float("-inf"), {"nested": b"hello world"}), '[1, "-Infinity", {"nested": "aGVsbG8gd29ybGQ="}]'),
    ({"a": [1, ("b",)]}, '{"a": [1, ["b"]]}'),
    (MappingProxyType({"a": 1}), '{"a": 1}'),
    ([MappingProxyType({"a": 1})], '[{"a": 1}]'),
]


@pytest.mark.parametrize(("value", "text"), TEXTS)
def test_an_attribute_is_text_by_the_specification(value: Any, text: str) -> None:
    """Text stays as it is, booleans are in lower case, numbers are as in JSON, bytes are base64, and collections are JSON."""
    assert text == mapping.attribute_text(value)


_plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
_values = st.recursive(_plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner))


@given(_values, st.integers(1, 40))
def test_an_attribute_of_any_type_is_text_within_its_limit(value: Any, max_length: int) -> None:
    """Whatever an attribute is, its text is a plain str and no longer than the limit."""
    text = mapping.attribute_text(value, max_length)

    assert str is type(text)
    assert len(text) <= max_length


@given(st.lists(_values, max_size=5))
def test_a_sequence_is_json_that_any_reader_takes(value: list[Any]) -> None:
    """A sequence within the limit is JSON without NaN or Infinity, which most readers refuse."""
    text = mapping.attribute_text(value, 1_000_000)

    assert len(value) == len(json.loads(text, parse_constant=lambda name: pytest.fail(name)))


def test_a_value_without_text_says_so() -> None:
    """A value whose `__str__` raises is described by a text, and so is a mapping whose items cannot be read."""
    assert "<_Hostile: RuntimeError in its conversion to text>" == mapping.attribute_text(_Hostile())
    assert '["<_Hostile: RuntimeError in its conversion to text>"]' == mapping.attribute_text([_Hostile()])
    assert str is type(mapping.attribute_text(_Broken(a=1)))


def test_a_long_value_is_cut_while_it_is_made() -> None:
    """Only as many items of a long sequence are read as fit into the text."""
    assert 50 == len(mapping.attribute_text(list(range(1_000_000)), 50))


def test_attributes_are_tags_without_those_that_are_none() -> None:
    """Each attribute is a tag, except those that are None; a key that is not text becomes text."""
    assert {"a": "1", "b": "x", "7": "true"} == mapping.texts_of({"a": 1, "b": "x", "c": None, 7: True})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("code", "error", "tags"),
    [
        ("UNSET", "", {}),
        ("OK", "unused", {"otel.status_code": "OK"}),
        ("ERROR", "boom", {"otel.status_code": "ERROR", "error": "boom"}),
        ("ERROR", "", {"otel.status_code": "ERROR", "error": ""}),
        ("another", "boom", {}),
    ],
)
def test_a_status_is_tags_unless_it_is_unset(code: str, error: str, tags: dict[str, str]) -> None:
    """UNSET has no tag, OK and ERROR have `otel.status_code`, and only ERROR has an `error`, which may be empty."""
    assert tags == mapping.status_tags(code, error)


EXCEPTION = {"exception.type": "ValueError", "exception.message": "no", "exception.stacktrace": "..."}


@pytest.mark.parametrize(
    ("description", "attributes", "exception", "text"),
    [
        ("told", {"error": "said", "error.type": "500"}, EXCEPTION, "told"),
        (None, {"error": "said", "error.type": "500"}, EXCEPTION, "said"),
        ("", {"error": True, "error.type": "500"}, EXCEPTION, "ValueError: no"),
        (None, {"error": "false"}, {"exception.type": "KeyError", "exception.message": ""}, "KeyError"),
        (None, {"error.type": "500"}, None, "500"),
        (None, {}, None, ""),
        (None, {"error": _Hostile()}, {"exception.type": 7, "exception.message": None}, "7"),
    ],
)
def test_an_error_says_why(description: str | None, attributes: dict[str, Any], exception: Any, text: str) -> None:
    """The error is the description, else the text of the attribute `error`, else the exception, else `error.type`, else ""."""
    assert text == mapping.error_text(description, attributes, exception)


def test_a_scope_has_both_of_its_names() -> None:
    """A scope is tagged as `otel.scope.*` and, for older readers, as `otel.library.*`; unknown parts are left out."""
    assert {"otel.scope.name": "a", "otel.library.name": "a"} == mapping.scope_tags("a", None)
    assert {"otel.scope.name", "otel.library.name", "otel.scope.version", "otel.library.version"} == set(
        mapping.scope_tags("a", "1.0")
    )
    assert {} == mapping.scope_tags("", "")


def test_what_a_limit_cut_off_is_counted() -> None:
    """Each count of dropped attributes, events and links is a tag unless it is 0."""
    assert {"otel.dropped_attributes_count": "2", "otel.dropped_links_count": "1"} == mapping.dropped_tags(2, 0, 1)


@pytest.mark.parametrize(
    ("name", "attributes", "text"),
    [
        ("bare", None, "bare"),
        ("bare", {}, "bare"),
        ('my "event"', {"key1": "value1", "n": 2}, r'"my \"event\"": {"key1": "value1", "n": 2}'),
        ("e", {"list": ("a",), "nan": float("nan")}, '"e": {"list": ["a"], "nan": "NaN"}'),
    ],
)
def test_an_event_is_its_name_and_its_attributes_in_json(name: str, attributes: Any, text: str) -> None:
    """An event is the annotation `"name": {json}`, or only its name if it has no attributes."""
    assert text == mapping.event_text(name, attributes)


def test_a_link_is_the_ids_that_one_searches_for() -> None:
    """A link is an annotation with the other trace's id, the other span's id, and the link's attributes."""
    assert "link: 0123/4567" == mapping.link_text("0123", "4567")
    assert 'link: 0123/4567 {"a": 1}' == mapping.link_text("0123", "4567", {"a": 1})


ENDS: list[tuple[str | None, dict[str, Any], Endpoint | None]] = [
    # Nothing is known, or there is no remote endpoint
    ("CLIENT", {}, None),
    ("CLIENT", {"other": 1}, None),
    (None, {"peer.service": "shop"}, None),
    ("CLIENT", {"server.address": ""}, None),
    # The name of the remote endpoint, by rank
    ("CLIENT", {"peer.service": " Shop ", "server.address": "a.example"}, Endpoint("shop")),
    ("CLIENT", {"server.address": "a.example", "server.port": 443}, Endpoint("a.example", port=443)),
    ("CLIENT", {"server.address": "a.example.", "net.peer.name": "b.example"}, Endpoint("a.example")),
    ("CLIENT", {"net.peer.name": "b.example", "net.peer.port": "8080"}, Endpoint("b.example", port=8080)),
    ("CLIENT", {"server.socket.domain": "c.example"}, Endpoint("c.example")),
    ("CLIENT", {"net.sock.peer.name": "d.example", "net.sock.peer.port": 1}, Endpoint("d.example", port=1)),
    ("CLIENT", {"peer.hostname": "e.example"}, Endpoint("e.example")),
    ("CLIENT", {"peer.address": "f.example"}, Endpoint("f.example")),
    ("CLIENT", {"net.sock.peer.name": "d.example", "peer.hostname": "e.example"}, Endpoint("d.example")),
    # The address of the remote endpoint
    ("CLIENT", {"server.address": "10.0.0.1", "server.port": 80}, Endpoint("", "10.0.0.1", "", 80)),
    ("CLIENT", {"server.address": "::1", "server.port": 80}, Endpoint("", "", "::1", 80)),
    (
        "CLIENT",
        {"server.address": "a.example", "server.port": 443, "network.peer.address": "10.0.0.2", "network.peer.port": 8443},
        Endpoint("a.example", "10.0.0.2", "", 8443),
    ),
    ("CLIENT", {"network.peer.address": "a.example", "network.peer.port": 81}, Endpoint("a.example", port=81)),
    ("CLIENT", {"server.socket.address": "10.0.0.3", "server.socket.port": 3}, Endpoint("", "10.0.0.3", "", 3)),
    ("CLIENT", {"net.sock.peer.addr": "10.0.0.4", "net.sock.peer.port": 4}, Endpoint("", "10.0.0.4", "", 4)),
    ("CLIENT", {"net.peer.ip": "10.0.0.5", "net.peer.port": 5}, Endpoint("", "10.0.0.5", "", 5)),
    ("CLIENT", {"peer.address": "10.0.0.6", "peer.port": 6}, Endpoint("", "10.0.0.6", "", 6)),
    ("CLIENT", {"server.address": "/var/run/redis.sock", "db.system": "redis"}, Endpoint("redis")),
    ("CLIENT", {"server.address": "a.example", "server.port": 99999}, Endpoint("a.example")),
    ("CLIENT", {"server.address": 7, "peer.service": ["a"]}, None),
    # A URL, used if an old instrumentation gives no other attribute
    ("CLIENT", {"http.url": "http://a.example:8080/path?q#f"}, Endpoint("a.example", port=8080)),
    ("CLIENT", {"url.full": "https://user:pass@a.example?q"}, Endpoint("a.example")),
    ("CLIENT", {"http.url": "http://[::1]:81/"}, Endpoint("", "", "::1", 81)),
    ("CLIENT", {"http.url": "http://10.0.0.1:82/"}, Endpoint("", "10.0.0.1", "", 82)),
    ("CLIENT", {"http.host": "b.example:83", "http.url": "http://a.example/"}, Endpoint("b.example", port=83)),
    ("CLIENT", {"http.url": "no url"}, None),
    # Databases
    (
        "CLIENT",
        {"db.system": "postgresql", "db.name": "Orders", "net.peer.name": "10.0.0.1", "net.peer.port": 5432},
        Endpoint("orders", "10.0.0.1", "", 5432),
    ),
    ("CLIENT", {"db.system.name": "mysql", "server.address": "db.example"}, Endpoint("mysql")),
    ("CLIENT", {"db.system.name": "redis", "db.namespace": "0"}, Endpoint("redis")),
    ("CLIENT", {"db.system": "sqlite", "db.name": "/var/lib/app.db"}, Endpoint("sqlite")),
    ("CLIENT", {"db.system": "sqlite", "db.name": ":memory:"}, Endpoint("sqlite")),
    ("CLIENT", {"db.namespace": "stable", "db.name": "old"}, Endpoint("stable")),
    # Brokers
    (
        "PRODUCER",
        {"messaging.system": "kafka", "server.address": "k.example", "server.port": 9092},
        Endpoint("kafka", port=9092),
    ),
    (
        "CONSUMER",
        {"messaging.system": "rabbitmq", "net.peer.name": "10.0.0.1", "net.peer.port": 5672},
        Endpoint("rabbitmq", "10.0.0.1", "", 5672),
    ),
    *(
        ("PRODUCER", {"messaging.system": "kafka", "messaging.url": text}, end)
        for text, end in (
            ('["10.0.0.1:9092"]', Endpoint("kafka", "10.0.0.1", "", 9092)),
            ('["k.example:9092", "10.0.0.1:9093"]', Endpoint("kafka", port=9092)),
            ('"[::1]:9092"', Endpoint("kafka", "", "::1", 9092)),
            ("amqp://user:pass@10.0.0.1:5672/host", Endpoint("kafka", "10.0.0.1", "", 5672)),
            ("https://sqs.example/1/parcels", Endpoint("kafka")),
            ("", Endpoint("kafka")),
            ("[]", Endpoint("kafka")),
            (7, Endpoint("kafka")),
        )
    ),
    (
        "CONSUMER",
        {"messaging.system": "kafka", "messaging.url": '["10.0.0.1:1"]', "net.peer.name": "10.0.0.2", "net.peer.port": 2},
        Endpoint("kafka", "10.0.0.2", "", 2),
    ),
    ("PRODUCER", {"celery.action": "apply_async"}, Endpoint("celery")),
    # The callers of a server
    ("SERVER", {"server.address": "own.example", "http.host": "own.example", "http.url": "http://own.example/"}, None),
    (
        "SERVER",
        {"client.address": "10.0.0.9", "network.peer.address": "10.0.0.1", "network.peer.port": 50000},
        Endpoint("", "10.0.0.1", "", 50000),
    ),
    ("SERVER", {"client.address": "10.0.0.9", "client.port": 51000}, Endpoint("", "10.0.0.9", "", 51000)),
    ("SERVER", {"net.sock.peer.addr": "10.0.0.1", "net.sock.peer.port": 50000}, Endpoint("", "10.0.0.1", "", 50000)),
    ("SERVER", {"net.peer.ip": "127.0.0.1", "net.peer.port": 50000}, Endpoint("", "127.0.0.1", "", 50000)),
    ("SERVER", {"client.address": "host.example"}, None),
    ("SERVER", {"peer.service": "shop", "client.address": "host.example"}, Endpoint("shop")),
]


@pytest.mark.parametrize(("kind", "attributes", "expected"), ENDS)
def test_the_remote_endpoint_has_the_name_and_the_address_that_one_expects(
    kind: str | None, attributes: dict[str, Any], expected: Endpoint | None
) -> None:
    """The remote endpoint has the name of a service, a database, a broker or a host, and the address, by both conventions."""
    assert expected == mapping.endpoint_of(kind, attributes)


_keys = st.sampled_from(sorted(mapping._PEER_KEYS | mapping._URL_KEYS))
_any_value = _values | st.sampled_from(["10.0.0.1", "a.example", "http://a.example:8080/", "::1", "5432", _Hostile()])


@given(st.sampled_from(["CLIENT", "SERVER", "PRODUCER", "CONSUMER", None]), st.dictionaries(_keys, _any_value))
def test_attributes_of_any_type_make_an_endpoint_or_none(kind: str | None, attributes: dict[str, Any]) -> None:
    """Attributes with values of any type give an endpoint with some content, or None."""
    found = mapping.endpoint_of(kind, attributes)

    assert found is None or any(found)
