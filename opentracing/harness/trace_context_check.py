"""The promises of OpenTracing 0.5 for every tracer, as tests to mix into your own test class.

Rules: only names of 0.5 are used, except `start_active_span` in tests that need an active span.  No test has the same name as
a test in `api_check`, so one class may mix in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any
from unittest import mock

from opentracing import Tracer

__all__ = ["TraceContextCheckMixin"]

CLOSE_TIMEOUT_S = 10.0  # the tests leave little to report

UNRELATED = {"Host": "shop", "Accept": "*/*", "X-Request-Id": "1", "Content-Length": "0"}


class TraceContextCheckMixin:
    """Mix it in: `class TestMyTracer(TraceContextCheckMixin)`, together with `unittest.TestCase`, or alone under pytest."""

    def tracer(self) -> Tracer:
        """The tracer to test."""
        raise NotImplementedError("tell which tracer to test: define tracer()")

    def check_trace_attribute_values(self) -> bool:
        """Whether the tracer keeps trace attributes; False for one that accepts and drops them, as the no-op does."""
        return True

    def check_identity(self) -> bool:
        """Whether contexts identify spans, in and between processes; False for the no-op, which has only one context."""
        return True

    def is_parent(self, parent: Any, span: Any) -> bool:
        """Whether `span` is a child of the span `parent`; if `parent` is None, whether `span` is a root.

        The API has no way to find this out, so a class whose `check_identity` is True must define it.  A span that joined a
        trace counts as a child of its client's span, even if the tracer reports both under the same id.
        """
        raise NotImplementedError("tell how to find a span's parent: define is_parent(), or check_identity() as False")

    def _check_parent(self, parent: Any, span: Any, promise: str) -> None:
        if self.check_identity():
            assert self.is_parent(parent, span), promise

    def _check_attribute(self, expected: str | None, context: Any, key: str, promise: str) -> None:
        value = context.get_trace_attribute(key)
        if self.check_trace_attribute_values():
            assert value == expected, f"{promise}; {key!r} is {value!r} there, not {expected!r}"

    # Starting and joining

    def test_start_trace_makes_a_root(self) -> None:
        with self.tracer().start_trace(operation_name="root", tags={"shelf": 7}) as span:
            assert span is not None, "start_trace returns a span"
            self._check_parent(None, span, "the span of start_trace has no parent")

    def test_start_trace_ignores_the_active_span(self) -> None:
        tracer = self.tracer()
        with tracer.start_active_span("active") as scope, tracer.start_trace("root") as root:
            self._check_parent(None, root, "start_trace starts a trace of its own, whatever span is active")
            if self.check_identity():
                assert not self.is_parent(scope.span, root), "the span of start_trace is no child of the active one"

    def test_start_child_makes_a_child(self) -> None:
        with (
            self.tracer().start_trace("root") as root,
            root.start_child(operation_name="child", tags={"shelf": 7}) as child,
            child.start_child("grandchild") as grandchild,
        ):
            self._check_parent(root, child, "start_child starts a child of its span")
            self._check_parent(child, grandchild, "a grandchild is a child of the child, not of the root")

    def test_start_child_ignores_the_active_span(self) -> None:
        tracer = self.tracer()
        with tracer.start_trace("root") as root, tracer.start_active_span("active"), root.start_child("child") as child:
            self._check_parent(root, child, "start_child starts a child of its span, whatever span is active")

    def test_join_trace_continues_the_callers(self) -> None:
        tracer = self.tracer()
        for tags in (None, {"shelf": 7}):
            with tracer.start_trace("call") as caller:
                received = _sent_as_text(tracer, caller.trace_context)
                with tracer.join_trace(operation_name="serve", parent_trace_context=received, tags=tags) as joined:
                    self._check_parent(caller, joined, "join_trace continues the trace of the received context")

    def test_join_trace_without_a_context_starts_a_trace(self) -> None:
        tracer = self.tracer()
        with tracer.start_active_span("active"), tracer.join_trace("serve", None) as span:
            self._check_parent(None, span, "joining None starts a trace")

    def test_trace_context_source(self) -> None:
        tracer = self.tracer()
        root = tracer.new_root_trace_context()
        assert root is not None, "new_root_trace_context returns a context"
        root.set_trace_attribute("user", "7")
        child, tags = tracer.new_child_trace_context(parent_trace_context=root)
        assert tags is None or type(tags) is dict, "the second value is a dict of tags for the child's span, or None"
        self._check_attribute("7", child, "user", "a child's context has its parent's attributes")
        with tracer.join_trace("serve", child):
            pass

    # Trace attributes

    def test_trace_attributes_ignore_case(self) -> None:
        context: Any = self.tracer().new_root_trace_context()
        self._check_attribute(None, context, "user-id", "an attribute that nobody set is None")
        assert context.set_trace_attribute("User-Id", "7") is context, "set_trace_attribute returns its context"
        for key in ("User-Id", "user-id", "USER-ID"):
            self._check_attribute("7", context, key, "an attribute is found in any case")
        context.set_trace_attribute("USER-id", "8")
        self._check_attribute("8", context, "User-Id", "an attribute is replaced in any case")

    def test_trace_attributes_reach_later_children_only(self) -> None:
        parent = self.tracer().start_trace("parent")
        earlier = parent.start_child("earlier")
        parent.trace_context.set_trace_attribute("user", "7")
        later = parent.start_child("later")
        later.trace_context.set_trace_attribute("own", "x")
        self._check_attribute("7", parent.trace_context, "user", "an attribute is seen on the span it was set on")
        self._check_attribute("7", later.trace_context, "user", "a child that starts later has the attribute")
        self._check_attribute(None, earlier.trace_context, "user", "a child that started before lacks the attribute")
        self._check_attribute(None, parent.trace_context, "own", "no attribute goes up to the parent")
        for span in (later, earlier, parent):
            span.finish()

    # Text and binary

    def test_text_round_trip(self) -> None:
        tracer = self.tracer()
        with tracer.start_trace("call") as caller:
            caller.trace_context.set_trace_attribute("Greeting", "gr\u00fc\u00df Gott, 100 %")
            identity, attributes = tracer.trace_context_to_text(trace_context=caller.trace_context)
            assert type(identity) is dict, "the identity is a dict"
            assert attributes is None or type(attributes) is dict, "the attributes are a dict or None"
            assert all(type(text) is str for item in identity.items() for text in item), "its entries are text"
            received = tracer.trace_context_from_text(trace_context_id=identity, trace_attributes=attributes)
            self._check_received(tracer, caller, received)

    def test_one_mapping_may_be_both_arguments(self) -> None:
        tracer = self.tracer()
        headers: Any
        for spell in (str.lower, str.upper, str.title):
            with tracer.start_trace("call") as caller:
                caller.trace_context.set_trace_attribute("Greeting", "gr\u00fc\u00df Gott, 100 %")
                headers = {spell(name): value for name, value in _headers(tracer, caller.trace_context).items()}
                headers = MappingProxyType({**UNRELATED, **headers})  # any mapping, not only a dict
                self._check_received(tracer, caller, tracer.trace_context_from_text(headers, headers))

    def test_binary_round_trip(self) -> None:
        tracer = self.tracer()
        with tracer.start_trace("call") as caller:
            caller.trace_context.set_trace_attribute("Greeting", "gr\u00fc\u00df Gott, 100 %")
            identity, attributes = tracer.trace_context_to_binary(trace_context=caller.trace_context)
            assert type(identity) is bytearray, "the identity is a bytearray"
            assert attributes is None or type(attributes) is bytearray, "the attributes are a bytearray or None"
            received = tracer.trace_context_from_binary(trace_context_id=identity, trace_attributes=attributes)
            self._check_received(tracer, caller, received)

    def _check_received(self, tracer: Tracer, caller: Any, received: Any) -> None:
        assert received is not None, "a context that was written can be read"
        self._check_attribute("gr\u00fc\u00df Gott, 100 %", received, "greeting", "attributes arrive")
        received.set_trace_attribute("added-here", "x")
        self._check_attribute("x", received, "added-here", "attributes can be set on a received context")
        with tracer.join_trace("serve", received) as joined:
            self._check_parent(caller, joined, "a received context identifies the span that it was written for")
            self._check_attribute(
                "gr\u00fc\u00df Gott, 100 %", joined.trace_context, "greeting", "attributes reach the joined span"
            )

    def test_no_trace_is_none(self) -> None:
        tracer = self.tracer()
        for received in (
            tracer.trace_context_from_text({}, None),
            tracer.trace_context_from_text({}, {}),
            tracer.trace_context_from_text(None, None),
            tracer.trace_context_from_text(UNRELATED, UNRELATED),
            tracer.trace_context_from_binary(bytearray(), None),
            tracer.trace_context_from_binary(bytearray(), bytearray()),
            tracer.trace_context_from_binary(None, None),
        ):
            if self.check_identity():
                assert received is None, f"the context of a carrier without a trace is None, not {received!r}"

    def test_a_damaged_trace_never_raises(self) -> None:
        tracer = self.tracer()
        with tracer.start_trace("call") as caller:
            headers: dict[Any, Any] = _headers(tracer, caller.trace_context)
            binary = tracer.trace_context_to_binary(caller.trace_context)[0]
        for value in ("", "-", "\u2603", "f" * 5000, None, 7, b"\xff"):
            damaged = dict.fromkeys(headers, value)
            with tracer.join_trace("serve", tracer.trace_context_from_text(damaged, damaged)):
                pass
        for data in (binary[: len(binary) // 2], binary[1:], bytearray(b"\xff\x00" * 20), bytearray(b"\n")):
            with tracer.join_trace("serve", tracer.trace_context_from_binary(data, None)):
                pass

    # Tags, messages, the end

    def test_tags_of_any_type(self) -> None:
        with self.tracer().start_trace("tagged", tags={"shelf": [7], "list": None}) as span:
            for value in (
                None,
                True,
                7,
                0.5,
                "text",
                "\u2603",
                b"\xff",
                [1],
                {"k": {1}},
                (),
                object(),
                ValueError("x"),
                _Broken(),
            ):
                assert span.add_tag("tag", value) is span, "add_tag returns its span"
            assert span.add_tags({"shelf": 7, "fragile": True}) is span, "add_tags returns its span"

    def test_peer_tags_in_any_order_and_type(self) -> None:
        tracer = self.tracer()
        for address, port in ((0x7F000001, "9411"), ("127.0.0.1", 9411), (127 << 25, -1), ("no address", "no port")):
            with tracer.start_trace("call") as span:
                span.add_tag("peer.port", port).add_tag("peer.ipv4", address)
                span.add_tags({"peer.ipv6": "::1", "peer.service": "shop", "peer.hostname": "shop.example", "span.kind": "c"})

    def test_messages_of_any_format(self) -> None:
        with self.tracer().start_trace("logged") as span:
            for message, args in _MESSAGES:
                assert span.info(message, *args) is span, "info returns its span"
                assert span.error(message, *args) is span, "error returns its span"

    def test_a_block_finishes_its_span_once(self) -> None:
        span = self.tracer().start_trace("block")
        with _Calls(span) as calls, span as entered:
            assert entered is span, "the value of `with span` is the span"
        assert calls.finished == 1, f"leaving the block finished the span {calls.finished} times"
        assert calls.failed == 0, "a block that nothing was raised in is no error"

    def test_an_exception_is_an_error_once_and_finishes(self) -> None:
        span, raised, caught = self.tracer().start_trace("block"), ValueError("broken"), None
        with _Calls(span) as calls:
            try:
                with span:
                    raise raised
            except ValueError as error:
                caught = error
        assert caught is raised, "the exception that was raised in the block has to leave it"
        assert calls.finished == 1, f"an exception that left the block finished the span {calls.finished} times"
        assert calls.failed == 1, f"an exception that left the block was reported as an error {calls.failed} times"

    def test_calls_after_finish_never_raise(self) -> None:
        span = self.tracer().start_trace("finished")
        span.finish()
        span.finish()
        span.add_tag("late", 1).add_tags({"late": 2}).info("late %s", 3).error("late %s", 4)
        span.trace_context.set_trace_attribute("late", "5")
        span.start_child("late").finish()

    def test_close_gives_a_future(self) -> None:
        tracer = self.tracer()
        tracer.start_trace("reported").finish()
        for which in ("first", "second"):
            closed = tracer.close()
            assert type(closed) is Future, f"the {which} close() returns a concurrent.futures.Future"
            closed.result(timeout=CLOSE_TIMEOUT_S)
        tracer.start_trace("late").finish()


class _Calls:
    """Counts how often a span was finished, and how often it was told of an error by `error` or by 2.4's hook."""

    def __init__(self, span: Any) -> None:
        self._patch = mock.patch.multiple(span, finish=mock.DEFAULT, error=mock.DEFAULT, _on_error=mock.DEFAULT, create=True)

    def __enter__(self) -> _Calls:
        self._mocks = self._patch.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._patch.stop()
        counts = {name: patched.call_count for name, patched in self._mocks.items()}
        self.finished, self.failed = counts["finish"], counts["error"] + counts["_on_error"]


class _Broken:
    """An object whose text raises, as a half-initialised object's may."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


_MESSAGES: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    ("packed", ()),
    ("100 %", ()),
    ("%s layers of %r", (3, "paper")),
    ("%(layers)d layers", ({"layers": 3},)),
    ("packed", ({"layers": 3},)),  # arguments that are not used in the message
    ("packed", (3, "paper")),
    ("%s of %s", (3,)),  # too few arguments
    ("%d layers", ("three",)),  # an argument of a wrong type
    ("%", (3,)),
    ("%(layers", ({},)),
    ("%s", (_Broken(),)),
    (None, (None,)),
)


def _headers(tracer: Tracer, context: Any) -> dict[str, str]:
    """Identity and attributes in one mapping, as a client puts them into its request."""
    identity, attributes = tracer.trace_context_to_text(context)
    headers: Mapping[str, str] = {**identity, **(attributes or {})}
    return dict(headers)


def _sent_as_text(tracer: Tracer, context: Any) -> Any:
    headers = _headers(tracer, context)
    return tracer.trace_context_from_text(headers, headers)
