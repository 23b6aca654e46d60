"""The balance: finished by the producers, accepted by the broker, stored by Zipkin; each compared with the one before it.

Rules: a span is identified by the low 64 bits of its trace id and by its own id, as in Zipkin's store.  Two promises are judged
separately.  Ours: the broker has each span that counts as sent; it has one twice only as a whole message whose first sending got
no answer.  Zipkin's: each span that the broker has gets into the store, except those that Zipkin had taken from the broker and
lost when one of the two was killed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Accepted", "Account", "Balance", "Made", "SpanId", "judge_accepted", "judge_accounts", "judge_stored"]

SpanId = tuple[str, str]
# The last line that a producer prints.
Account = Mapping[str, Any]


class Made(NamedTuple):
    """A trace and when it was finished, in seconds since 1970."""

    at_s: float
    trace_id: str
    span_ids: Sequence[str]

    def spans(self) -> Iterator[SpanId]:
        return ((self.trace_id[-16:], span_id) for span_id in self.span_ids)


@dataclass
class Accepted:
    """The messages that the broker has: the count of each message's copies, and its spans."""

    copies: Counter[bytes] = field(default_factory=Counter)
    spans: dict[bytes, list[SpanId]] = field(default_factory=dict)

    def add(self, body: bytes, spans: Iterable[SpanId]) -> None:
        self.copies[body] += 1
        if body not in self.spans:
            self.spans[body] = list(spans)

    @property
    def messages(self) -> int:
        return sum(self.copies.values())

    @property
    def again(self) -> int:
        """The number of messages that are copies of another."""
        return self.messages - len(self.copies)

    def distinct(self) -> Counter[SpanId]:
        """Each span, and the number of different messages that have it."""
        return Counter(span for spans in self.spans.values() for span in spans)


@dataclass
class Balance:
    """Lines of the table, in order, and sentences about what is wrong."""

    lines: list[tuple[str, int, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    excused: int = 0  # spans that Zipkin lost, as a kill explains

    def line(self, name: str, count: int, remark: str = "") -> None:
        self.lines.append((name, count, remark))

    def check(self, right: bool, sentence: str) -> None:
        if not right:
            self.wrong.append(sentence)

    def table(self) -> str:
        wide, digits = max(len(name) for name, _, _ in self.lines), max(len(f"{count:,}") for _, count, _ in self.lines)
        return "\n".join(f"  {name:<{wide}}  {count:>{digits},}  {remark}".rstrip() for name, count, remark in self.lines)


def judge_accounts(balance: Balance, accounts: Mapping[str, Account], finished: Mapping[str, Sequence[Made]]) -> None:
    """Compare each producer's account with its own list; `accounts` and `finished` are by its name."""
    dropped: Counter[str] = Counter()
    for account in accounts.values():
        dropped.update(account["dropped"])
    causes = ", ".join(f"{count:,} {cause}" for cause, count in dropped.items() if count)
    counts = {name: len(_spans(finished[name])) for name in accounts}
    balance.line("finished", sum(counts.values()), f"by {len(accounts)} producers' own lists")
    balance.line("  counted as sent", _sum(accounts, "sent"), "by their tracers' accounts")
    balance.line("  counted as dropped", sum(dropped.values()), causes)
    balance.line("  sends that failed", _sum(accounts, "failed"), "and were tried again")
    for name, account in accounts.items():
        whole = account["sent"] + sum(account["dropped"].values()) + account["queued"] + account["in_flight"]
        balance.check(
            counts[name] == account["finished"] == account["counted"] == whole,
            f"{name} finished {counts[name]:,} spans, its tracer counted {account['counted']:,} and accounts for {whole:,}",
        )
        balance.check(bool(account["whole"]), f"{name} could not send all that it had before its end")
    balance.check(not causes, f"the producers dropped spans, though no outage was long: {causes}")


def judge_accepted(
    balance: Balance,
    accounts: Mapping[str, Account],
    finished: Mapping[str, Sequence[Made]],
    accepted: Accepted,
    broker_kills: int,
) -> None:
    """Our promise: the broker has all sent spans, and copies only of messages whose answer was lost."""
    own = {span for name in accounts for span in _spans(finished[name])}
    distinct = accepted.distinct()
    sent = _sum(accounts, "sent")
    # A client tries again by itself as well: one message of each producer was on its way when the broker was killed.
    explained = _sum(accounts, "failed") + broker_kills * len(accounts)
    lost, strange = len(own - distinct.keys()), len(distinct.keys() - own)
    mixed = sum(1 for count in distinct.values() if count > 1)
    balance.line("accepted by the broker", len(distinct), f"in {accepted.messages:,} messages, which were read one by one")
    balance.line("  finished, but not there", lost)
    balance.line("  messages twice", accepted.again, f"answers that were lost explain up to {explained}")
    balance.check(not lost, f"{lost:,} spans that were finished are not with the broker")
    balance.check(len(distinct) >= sent, f"{sent:,} spans count as sent, but the broker has {len(distinct):,}")
    balance.check(not strange, f"the broker has {strange:,} spans that nobody finished")
    balance.check(not mixed, f"{mixed:,} spans are in two different messages: a retry must send the same bytes")
    balance.check(
        accepted.again <= explained, f"{accepted.again} messages are there twice; lost answers explain {explained} at most"
    )


def judge_stored(
    balance: Balance,
    way: str,
    finished: Iterable[Made],
    stored: set[SpanId],
    kills_s: Sequence[float],
    read_ahead_s: float,
) -> None:
    """Zipkin's promise.  `way`: how the store was counted.

    `kills_s`: the times of the kills, at each of which Zipkin may have lost messages of the `read_ahead_s` before it.
    """
    made = list(finished)
    strange = len(stored - _spans(made))
    lost = excused = 0
    for trace in made:
        missing = sum(span not in stored for span in trace.spans())
        lost += missing
        if any(kill - read_ahead_s <= trace.at_s <= kill for kill in kills_s):
            excused += missing
    balance.excused = max(balance.excused, excused)
    remark = f"{excused:,} of them are of the {read_ahead_s:.0f} s before a kill: Zipkin had taken them" if lost else ""
    balance.line(f"stored by Zipkin, {way}", len(stored), "each once, by the span's id")
    balance.line("  finished, but not there", lost, remark)
    balance.check(not strange, f"the store has {strange:,} spans that nobody finished ({way})")
    balance.check(lost == excused, f"{lost - excused:,} spans are not in the store, and no kill explains it ({way})")


def _spans(made: Iterable[Made]) -> set[SpanId]:
    return {span for trace in made for span in trace.spans()}


def _sum(accounts: Mapping[str, Account], key: str) -> int:
    return sum(int(account[key]) for account in accounts.values())
