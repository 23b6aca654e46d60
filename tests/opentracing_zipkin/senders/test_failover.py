"""Several URLs of one sender: their order, the time for each, and the error that is raised."""

from __future__ import annotations

import pytest

from opentracing_zipkin.senders import SendError, failover
from opentracing_zipkin.senders.failover import Failover


class Urls:
    """Servers on a clock of their own; `refusals` has the URLs that refuse, and whether a later try makes sense."""

    def __init__(self, refusals: dict[str, bool], takes_s: float = 0.0) -> None:
        self.refusals = refusals
        self.takes_s = takes_s
        self.now_s = 100.0
        self.asked: list[tuple[str, float]] = []

    def send_to(self, url: str, message: bytes, seconds: float) -> None:
        self.asked.append((url, round(seconds, 6)))
        self.now_s += min(self.takes_s, seconds)
        if url in self.refusals:
            raise SendError(f"{url} refuses {message!r}", retryable=self.refusals[url])

    def asked_for(self, sending: Failover[str], message: bytes = b"[]") -> list[tuple[str, float]]:
        self.asked.clear()
        sending.send(self.send_to, message)
        return list(self.asked)


def test_one_url_is_asked_with_the_whole_timeout() -> None:
    """A single URL gets the message once, with all of the timeout."""
    assert [("a", 10.0)] == Urls({}).asked_for(Failover(["a"], 10.0))


def test_the_url_that_accepted_last_is_asked_first() -> None:
    """A URL that cannot take a message now is not asked again until all others have failed, too."""
    urls, sending = Urls({"a": True, "b": True}), Failover(["a", "b", "c"], 10.0)

    assert [("a", 10.0), ("b", 10.0), ("c", 10.0)] == urls.asked_for(sending)
    assert [("c", 10.0)] == urls.asked_for(sending)
    urls.refusals = {"c": True}
    assert [("c", 10.0), ("a", 10.0)] == urls.asked_for(sending)


def test_the_last_error_is_raised() -> None:
    """When every URL has failed, the error is that of the last one, and the next message begins with it."""
    urls, sending = Urls({"a": True, "b": True}), Failover(["a", "b"], 10.0)
    with pytest.raises(SendError, match=r"^b refuses b'\[\]'$"):
        sending.send(urls.send_to, b"[]")
    urls.refusals = {}

    assert [("b", 10.0)] == urls.asked_for(sending)


def test_a_refusal_for_good_is_not_shown_to_the_others() -> None:
    """A message that is refused for good raises at once, and the URL stays the first."""
    urls, sending = Urls({"a": False}), Failover(["a", "b"], 10.0)
    for _ in range(2):
        with pytest.raises(SendError, match=r"^a refuses"):
            sending.send(urls.send_to, b"[]")

    assert ["a", "a"] == [url for url, _ in urls.asked]


@pytest.mark.parametrize(
    ("takes_s", "expected"),
    [
        (0.0, [("a", 2.0), ("b", 3.0), ("c", 6.0)]),  # what one leaves over, the next may use
        (1.0, [("a", 2.0), ("b", 2.5), ("c", 4.0)]),
        (60.0, [("a", 2.0), ("b", 2.0), ("c", 2.0)]),  # each uses up its share: six seconds together
    ],
)
def test_a_limit_is_shared_by_the_urls_that_are_left(
    monkeypatch: pytest.MonkeyPatch, takes_s: float, expected: list[tuple[str, float]]
) -> None:
    """Each URL gets an equal part of the time that is left, so the last one may still accept, and the limit is kept."""
    urls, sending = Urls({"a": True, "b": True}, takes_s), Failover(["a", "b", "c"], 10.0)
    monkeypatch.setattr(failover, "monotonic", lambda: urls.now_s)
    sending.limit(6.0)

    assert expected == urls.asked_for(sending)
    assert urls.now_s <= 106.0


def test_a_limit_in_the_middle_counts_from_the_next_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is set while a message is on its way is for the messages after it."""
    urls, sending = Urls({}), Failover(["a", "b"], 10.0)
    monkeypatch.setattr(failover, "monotonic", lambda: urls.now_s)

    def limiting(url: str, message: bytes, seconds: float) -> None:
        sending.limit(1.0)
        urls.refusals = {"a": True}
        urls.send_to(url, message, seconds)

    sending.send(limiting, b"[]")
    assert [("a", 10.0), ("b", 10.0)] == urls.asked
    urls.refusals = {}
    assert [("b", 0.5)] == urls.asked_for(sending)


def test_the_shortest_limit_counts_and_none_makes_the_timeout_longer() -> None:
    """A limit is at least a millisecond, and never lengthens the timeout or an earlier limit."""
    sending = Failover(["a"], 10.0)
    lengths = [sending.max_s]
    for seconds in (50.0, 2.0, 5.0, -1.0):
        sending.limit(seconds)
        lengths.append(sending.max_s)

    assert [10.0, 10.0, 2.0, 2.0, 0.001] == lengths
