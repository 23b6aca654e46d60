"""The balance: finished by the producers, accepted by the broker, stored by Zipkin; each compared with the one before it.

Rules: a span is known by the low 64 bits of its trace's id and its own id, as Zipkin's store keeps them.  There are two promises
and they are judged apart.  Ours: each span that counts as sent is with the broker, and twice only as a whole message whose first
sending failed without an answer.  Zipkin's: each span that is with the broker gets into the store, save those that a killed
server had read and not stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Accepted", "Balance", "SpanId", "judge"]

SpanId = tuple[str, str]


@dataclass
class Accepted:
    """What the broker has: each message once, with the count of its copies and when the broker or the producer dated it."""

    copies: Counter[bytes] = field(default_factory=Counter)
    spans: dict[bytes, list[SpanId]] = field(default_factory=dict)
    dated_s: dict[bytes, float] = field(default_factory=dict)

    def add(self, body: bytes, spans: Iterable[SpanId], dated_s: float) -> None:
        self.copies[body] += 1
        if body not in self.spans:
            self.spans[body] = list(spans)
            self.dated_s[body] = dated_s

    @property
    def messages(self) -> int:
        return self.copies.total()

    @property
    def again(self) -> int:
        """Messages that are there another time."""
        return self.messages - len(self.copies)

    def distinct(self) -> Counter[SpanId]:
        """Each span and how many different messages it is in."""
        return Counter(span for spans in self.spans.values() for span in spans)


@dataclass
class Balance:
    """Lines of the table, in order, and sentences about what is wrong."""

    lines: list[tuple[str, int | str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def line(self, name: str, count: int | str, remark: str = "") -> None:
        self.lines.append((name, count, remark))

    def check(self, right: bool, sentence: str) -> None:
        if not right:
            self.wrong.append(sentence)

    def table(self) -> str:
        shown = [(name, f"{count:,}" if isinstance(count, int) else count, remark) for name, count, remark in self.lines]
        wide, digits = max(len(name) for name, _, _ in shown), max(len(count) for _, count, _ in shown)
        return "\n".join(f"  {name:<{wide}}  {count:>{digits}}  {remark}".rstrip() for name, count, remark in shown)


def judge(
    accounts: Mapping[str, Mapping[str, Any]],
    finished: Mapping[str, Sequence[SpanId]],
    accepted: Accepted,
    stored: Mapping[str, set[SpanId]],
    kills_s: Sequence[float],
    read_ahead_s: float,
) -> Balance:
    """`finished` and `accounts` by producer; `stored` by the way it was counted.

    `kills_s` are the times at which a Zipkin server was killed: it may lose messages of the `read_ahead_s` before that.
    """
    balance = Balance()
    own = {span for spans in finished.values() for span in spans}
    _judge_accounts(balance, accounts, finished)
    _judge_accepted(balance, accounts, own, accepted)
    for way, spans in stored.items():
        _judge_stored(balance, way, spans, own, accepted, kills_s, read_ahead_s)
    return balance


def _judge_accounts(
    balance: Balance, accounts: Mapping[str, Mapping[str, Any]], finished: Mapping[str, Sequence[SpanId]]
) -> None:
    sent = sum(account["sent"] for account in accounts.values())
    dropped: Counter[str] = Counter()
    for account in accounts.values():
        dropped.update(account["dropped"])
    causes = ", ".join(f"{count:,} {cause}" for cause, count in dropped.items() if count)
    balance.line(
        "finished by the producers", sum(map(len, finished.values())), f"{len(accounts)} processes, by their own lists"
    )
    balance.line("  counted as sent", sent, "by the tracers' accounts")
    balance.line("  counted as dropped", dropped.total(), causes)
    balance.line("  sends that failed", sum(account["failed"] for account in accounts.values()), "and were tried again")
    for name, account in accounts.items():
        count = len(finished[name])
        whole = account["sent"] + sum(account["dropped"].values()) + account["queued"] + account["in_flight"]
        balance.check(
            count == account["finished"] == account["counted"] == whole,
            f"{name} finished {count:,} spans, its tracer counted {account['counted']:,} and accounts for {whole:,}",
        )
        balance.check(bool(account["whole"]), f"{name} could not send all that it had before its end")
    balance.check(not dropped.total(), f"the producers dropped spans, though no outage was long: {causes}")


def _judge_accepted(balance: Balance, accounts: Mapping[str, Mapping[str, Any]], own: set[SpanId], accepted: Accepted) -> None:
    distinct = accepted.distinct()
    failed = sum(account["failed"] for account in accounts.values())
    sent = sum(account["sent"] for account in accounts.values())
    lost, strange = len(own - distinct.keys()), len(distinct.keys() - own)
    mixed = sum(1 for count in distinct.values() if count > 1)
    balance.line("accepted by the broker", len(distinct), f"in {accepted.messages:,} messages, read from the beginning")
    balance.line("  not there", lost, "lost by us or by the broker")
    balance.line("  messages twice", accepted.again, f"at-least-once explains up to {failed}: an answer that was lost")
    balance.check(not lost, f"{lost:,} spans that were finished are not with the broker")
    balance.check(len(distinct) >= sent, f"{sent:,} spans count as sent, but the broker has {len(distinct):,}")
    balance.check(not strange, f"the broker has {strange:,} spans that nobody finished")
    balance.check(not mixed, f"{mixed:,} spans are in two different messages: a retry must send the same bytes")
    balance.check(accepted.again <= failed, f"{accepted.again} messages are there twice, but only {failed} sends failed")


def _judge_stored(
    balance: Balance,
    way: str,
    stored: set[SpanId],
    own: set[SpanId],
    accepted: Accepted,
    kills_s: Sequence[float],
    read_ahead_s: float,
) -> None:
    strange = len(stored - own)
    missing = {
        body: absent for body, spans in accepted.spans.items() if (absent := [span for span in spans if span not in stored])
    }
    explained = {body for body in missing if any(kill - read_ahead_s <= accepted.dated_s[body] <= kill for kill in kills_s)}
    lost = sum(map(len, missing.values()))
    excused = sum(len(missing[body]) for body in explained)
    balance.line(f"stored by Zipkin, {way}", len(stored), "each once: its key is the span's id")
    balance.line("  not there", lost, f"{excused:,} of them read by a server before it was killed" if lost else "")
    balance.check(not strange, f"the store has {strange:,} spans that nobody finished ({way})")
    balance.check(
        lost == excused, f"{lost - excused:,} spans are with the broker and not in the store, and no kill explains it ({way})"
    )
