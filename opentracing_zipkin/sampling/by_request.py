"""Sampling by rules: the first rule that fits the root decides, by a share of traces, a limit a second, or both.

Rules: a rule is checked when it is made, and a wrong value names its key.  Every condition that a rule has must hold; a rule
without one fits every root.  A root that is no request has neither method nor path, so a rule that asks for one does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..option import WrongSetting
from . import patterns
from .by_time import check_limit, rate_limiting
from .by_trace_id import boundary
from .root import Root, RootSampler

__all__ = ["KINDS", "Rule", "Rules", "rules"]

KINDS = ("server", "client", "producer", "consumer", "local")

_RATES = {"always": 1.0, "never": 0.0}

_Test = Callable[[Root], bool]


class Rule:
    """Conditions for the root of a trace, and how many of the traces that it fits are recorded.

    `method`, `kind`: a word, or a list of words of which one holds.  `path`, `service`, `operation`, and the values of
    `headers` and `tags`: text in which `*` stands for any; `path` also takes a route, `/users/{id}`.  `rate`: the share that is
    recorded, 0.0 to 1.0, "always" or "never"; `limit`: how many a second at most.  Raises ValueError that names a wrong value
    and the remedy.
    """

    __slots__ = ("_key", "_tests", "headers", "limit", "rate")

    def __init__(
        self,
        *,
        method: str | Iterable[str] | None = None,
        path: str | None = None,
        service: str | None = None,
        operation: str | None = None,
        kind: str | Iterable[str] | None = None,
        headers: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        rate: float | str | None = None,
        limit: float | None = None,
    ) -> None:
        self.rate = 1.0 if rate is None and limit is not None else _rate("rate", rate)
        self.limit = None if limit is None else check_limit(limit)
        methods = None if method is None else frozenset(word.upper() for word in _words("method", method))
        kinds = None if kind is None else frozenset(map(_kind, _words("kind", kind)))
        of_headers = [] if headers is None else sorted((key.lower(), text) for key, text in _texts("headers", headers))
        of_tags = [] if tags is None else sorted(_texts("tags", tags))
        self.headers = frozenset(name for name, _ in of_headers)
        tests: list[_Test | None] = [
            None if methods is None else lambda root: root.method in methods,
            None if path is None else _path_test(_path(path)),
            None if service is None else _service_test(_text("service", service)),
            None if operation is None else _operation_test(_text("operation", operation)),
            None if kinds is None else lambda root: root.kind in kinds,
            *(_header_test(name, text) for name, text in of_headers),
            *(_tag_test(key, text) for key, text in of_tags),
        ]
        self._tests = tuple(test for test in tests if test is not None)
        self._key = (methods, path, service, operation, kinds, tuple(of_headers), tuple(of_tags), self.rate, self.limit)

    def fits(self, root: Root) -> bool:
        """Whether all that the rule asks for holds."""
        for holds in self._tests:  # noqa: SIM110  # a generator would take three times as long
            if not holds(root):
                return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        names = ("method", "path", "service", "operation", "kind", "headers", "tags", "rate", "limit")
        shown = (f"{name}={_shown(value)}" for name, value in zip(names, self._key, strict=True) if value not in (None, ()))
        return f"Rule({', '.join(shown)})"


class Rules(RootSampler):
    """Asked for each new trace; may be used from any thread.

    `otherwise`: the sampler of roots that no rule fits.  `former`: rules that these replace; a rule that stands in both goes on
    with the budget of its limit.
    """

    def __init__(self, rules: Iterable[Rule], otherwise: Callable[[int], bool], former: Rules | None = None) -> None:
        self.rules = tuple(rules)
        known = {} if former is None else former._samplers
        self._samplers: dict[Rule, Callable[[int], bool]] = {rule: known.get(rule) or _sampler_of(rule) for rule in self.rules}
        self._steps = tuple((rule.fits, self._samplers[rule]) for rule in self.rules)
        self._otherwise = otherwise
        self.headers = frozenset(name for rule in self.rules for name in rule.headers)

    def decide(self, trace_id: int, root: Root, /) -> bool:
        for fits, sample in self._steps:
            if fits(root):
                return sample(trace_id)
        return self._otherwise(trace_id)

    def __repr__(self) -> str:
        return f"rules({', '.join(map(repr, self.rules))})"


def rules(*rules: Rule, otherwise: float | Callable[[int], bool] = 1.0) -> Rules:
    """The first rule that fits decides; `otherwise` is the share of all other traces, or a sampler.

    Raises ValueError for a wrong share, TypeError for what is no rule.
    """
    wrong = [rule for rule in rules if not isinstance(rule, Rule)]
    if wrong:
        raise TypeError(f"{wrong[0]!r} is no rule; use sampling.Rule(path='/health', rate=0) for instance")
    return Rules(rules, otherwise if callable(otherwise) else boundary(_rate("otherwise", otherwise)))


def _sampler_of(rule: Rule) -> Callable[[int], bool]:
    return boundary(rule.rate) if rule.limit is None else rate_limiting(rule.limit, rule.rate)


# The checks of a rule's values


def _rate(name: str, value: Any) -> float:
    if value is None:
        raise WrongSetting(name, "is missing; give the share that is recorded, 0.0 to 1.0, or limit=, how many a second")
    rate = _RATES.get(value, value) if isinstance(value, str) else value
    if isinstance(rate, (int, float)) and not isinstance(rate, bool) and 0 <= rate <= 1:
        return float(rate)
    raise WrongSetting(name, f"is {value!r}; use 0.0 (never) to 1.0 (always), for instance 0.01 for 1 %")


def _words(name: str, value: Any) -> list[str]:
    words = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple, set, frozenset)) else []
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise WrongSetting(name, f"is {value!r}; use a word, or a list of words")
    return [word.strip() for word in words]


def _kind(word: str) -> str:
    if word.lower() not in KINDS:
        raise WrongSetting("kind", f"is {word!r}; use one of {', '.join(KINDS)}")
    return word.lower()


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise WrongSetting(name, f"is {value!r}; use text, in which * stands for any")
    return value


def _path(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(("/", "*")):
        raise WrongSetting("path", f"is {value!r}; a path begins with a slash, for instance '/health' or '/pay/*'")
    return value


def _texts(name: str, value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, Mapping):
        raise WrongSetting(name, f"is {value!r}; use a table of names and values, for instance {{'x-tenant': 'gold'}}")
    return [(_text(name, key), _text(f"{name}.{key}", text)) for key, text in value.items()]


# Their tests


def _path_test(pattern: str) -> _Test:
    matches = patterns.path_matcher(pattern)

    def holds(root: Root) -> bool:
        path = root.path
        return (path != "" and matches(path)) or root.route == pattern

    return holds


def _service_test(pattern: str) -> _Test:
    matches = patterns.text_matcher(pattern.lower())  # as Zipkin keeps the names
    return lambda root: matches(root.service_name.lower())


def _operation_test(pattern: str) -> _Test:
    matches = patterns.text_matcher(pattern)
    return lambda root: matches(root.operation_name)


def _header_test(name: str, pattern: str) -> _Test:
    matches = patterns.text_matcher(pattern)
    return lambda root: name in root.headers and matches(root.headers[name])


def _tag_test(key: str, pattern: str) -> _Test:
    matches = patterns.text_matcher(pattern)
    return lambda root: key in root.tags and matches(root.tag(key))


def _shown(value: Any) -> str:
    if isinstance(value, frozenset):
        return repr(sorted(value))
    return repr(dict(value)) if isinstance(value, tuple) else repr(value)
