"""Sampling by rules: the first rule that fits the root decides, by a share of traces, a limit for each second, or both.

Rules: a rule is checked when it is made, and the error names the key of a wrong value.  A rule fits a root that meets all its
conditions; a rule without conditions fits every root.  A root that is no request has neither method nor path, so a rule with
one of these conditions does not fit it.
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
    """Conditions for the root of a trace, and the number of traces that are recorded where they hold.

    `method` and `kind` are a word, or a list of words, one of which must hold.  `path`, `service`, `operation` and the values
    of `headers` and `tags` are texts in which `*` stands for any text; `path` may also be a route such as `/users/{id}`.
    `rate` is the share of traces that is recorded, 0.0 to 1.0, "always" or "never"; `limit` is the greatest number a second.
    Raises ValueError that names a wrong value and the remedy.
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
        self.rate = 1.0 if rate is None and limit is not None else _check_rate("rate", rate)
        self.limit = None if limit is None else check_limit(limit)
        methods = None if method is None else frozenset(word.upper() for word in _check_words("method", method))
        kinds = None if kind is None else frozenset(map(_check_kind, _check_words("kind", kind)))
        of_headers = [] if headers is None else sorted((key.lower(), text) for key, text in _check_texts("headers", headers))
        of_tags = [] if tags is None else sorted(_check_texts("tags", tags))
        self.headers = frozenset(name for name, _ in of_headers)
        tests: list[_Test | None] = [
            None if methods is None else lambda root: root.method in methods,
            None if path is None else _path_test(_check_path(path)),
            None if service is None else _service_test(_check_text("service", service)),
            None if operation is None else _operation_test(_check_text("operation", operation)),
            None if kinds is None else lambda root: root.kind in kinds,
            *(_header_test(name, text) for name, text in of_headers),
            *(_tag_test(key, text) for key, text in of_tags),
        ]
        self._tests = tuple(test for test in tests if test is not None)
        self._key = (methods, path, service, operation, kinds, tuple(of_headers), tuple(of_tags), self.rate, self.limit)

    def fits(self, root: Root) -> bool:
        """Whether all conditions hold for the root."""
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

    `otherwise` is the sampler of roots that no rule fits.  These rules replace the rules `former`; an unchanged rule keeps the
    budget of its limit.
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

    Raises ValueError for a wrong share, TypeError for an argument that is no Rule.
    """
    wrong = [rule for rule in rules if not isinstance(rule, Rule)]
    if wrong:
        raise TypeError(f"{wrong[0]!r} is no rule; use sampling.Rule(path='/health', rate=0) for instance")
    return Rules(rules, otherwise if callable(otherwise) else boundary(_check_rate("otherwise", otherwise)))


def _sampler_of(rule: Rule) -> Callable[[int], bool]:
    return boundary(rule.rate) if rule.limit is None else rate_limiting(rule.limit, rule.rate)


# The checks of a rule's values


def _check_rate(name: str, value: Any) -> float:
    if value is None:
        raise WrongSetting(name, "is missing; give the share that is recorded, 0.0 to 1.0, or limit=, how many a second")
    rate = _RATES.get(value, value) if isinstance(value, str) else value
    if isinstance(rate, (int, float)) and not isinstance(rate, bool) and 0 <= rate <= 1:
        return float(rate)
    raise WrongSetting(name, f"is {value!r}; use 0.0 (never) to 1.0 (always), for instance 0.01 for 1 %")


def _check_words(name: str, value: Any) -> list[str]:
    words = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple, set, frozenset)) else []
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise WrongSetting(name, f"is {value!r}; use a word, or a list of words")
    return [word.strip() for word in words]


def _check_kind(word: str) -> str:
    if word.lower() not in KINDS:
        raise WrongSetting("kind", f"is {word!r}; use one of {', '.join(KINDS)}")
    return word.lower()


def _check_text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise WrongSetting(name, f"is {value!r}; use text, in which * stands for any")
    return value


def _check_path(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(("/", "*")):
        raise WrongSetting("path", f"is {value!r}; a path begins with a slash, for instance '/health' or '/pay/*'")
    return value


def _check_texts(name: str, value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, Mapping):
        raise WrongSetting(name, f"is {value!r}; use a table of names and values, for instance {{'x-tenant': 'gold'}}")
    return [(_check_text(name, key), _check_text(f"{name}.{key}", text)) for key, text in value.items()]


# The tests that a root must pass


def _path_test(pattern: str) -> _Test:
    matches = patterns.path_matcher(pattern)

    def holds(root: Root) -> bool:
        path = root.path
        return (path != "" and matches(path)) or root.route == pattern

    return holds


def _service_test(pattern: str) -> _Test:
    matches = patterns.text_matcher(pattern.lower())  # Zipkin keeps names in lower case
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
