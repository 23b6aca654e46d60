"""Redaction: masks secrets in every field of a span before it leaves the process.

Rules: in doubt, more is masked.  A text that is too long to be searched, or whose secret cannot be separated from the rest, is
masked as a whole.  The time for a text is linear in its length, and a redacted text does not change when it is redacted again.
Texts without a secret are remembered, because most tags have few values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..model import Endpoint, FinishedSpan
from ..option import check_key_names
from ..text import entries, to_text
from .keys import DEFAULT_KEYS, Keys
from .looks import DEFAULT_LOOKS, Look, looks_of
from .pairs import without_pairs
from .spellings import decoded_once, may_be_encoded
from .urls import without_queries, without_users

__all__ = ["Redaction", "redact"]

DEFAULT_MASK = "***"
DEFAULT_MAX_LENGTH = 16_384  # twice the longest tag by default
MAX_ROUNDS = 4  # of redaction, until a text does not change any more; and of decoding a text
MAX_REMEMBERED_TEXTS = 4096  # texts of at most MAX_REMEMBERED_CHARS characters: less than 1 MB
MAX_REMEMBERED_CHARS = 80

# In SQL only quoted texts can be secrets: `password = %s` has none.
_SQL_TAGS = frozenset(("db.statement", "db.query.text", "sql.query"))
_QUERY_TAGS = frozenset(("url.query", "http.query"))
_SPECIAL_TAGS = _SQL_TAGS | _QUERY_TAGS  # tags whose values are searched in another way than other texts

_MASK = re.compile(r"[^\s\"'`\\=:@?&;,%/#]+")
_SEPARATORS = re.compile(r"([\s&;?#=,\"'<>]+)")


def redact(
    keys: Iterable[str] = (),
    patterns: Iterable[str | re.Pattern[str]] = (),
    *,
    whole_query: bool = False,
    defaults: bool = True,
    mask: str = DEFAULT_MASK,
    max_length: int = DEFAULT_MAX_LENGTH,
) -> Redaction:
    """A handler that masks secrets in tags, annotations, names and remote services.

    `keys` are names of tags, parameters and fields whose values are secret; their case does not matter, and `*` is any text.
    `patterns` are regular expressions for secrets in values, or names of our own patterns, for instance `"email"`.  Both are
    added to the defaults, which `defaults=False` leaves out.  `whole_query` masks each value of a URL's query.  A text of more
    than `max_length` characters is masked as a whole.
    Raises ValueError that names the wrong argument and the remedy.
    """
    given = check_key_names("keys", keys, "a list of names, for instance ['*iban*']")
    if isinstance(patterns, (str, re.Pattern)) or not isinstance(patterns, Iterable):
        raise ValueError(f"patterns is {patterns!r}; use a list, for instance ['email']")
    if not isinstance(mask, str) or not _MASK.fullmatch(mask):
        raise ValueError(f"mask is {mask!r}; use a text without blanks, quotes and the marks of URLs, for instance '***'")
    if isinstance(max_length, bool) or not isinstance(max_length, int) or max_length < 1:
        raise ValueError(f"max_length is {max_length!r}; use a number of characters, 1 or more")
    for name, value in (("whole_query", whole_query), ("defaults", defaults)):
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}; use True or False")
    looks = looks_of([*(DEFAULT_LOOKS if defaults else ()), *patterns])
    return Redaction(Keys([*(DEFAULT_KEYS if defaults else ()), *given]), looks, whole_query, mask, max_length)


class Redaction:
    """The handler that `redact` returns; may be called from any thread."""

    __slots__ = ("_clean", "_hinted", "_hints", "_keys", "_mask", "_max_length", "_safe_keys", "_unhinted", "_whole_query")

    def __init__(self, keys: Keys, looks: Sequence[Look], whole_query: bool, mask: str, max_length: int) -> None:
        self._keys = keys
        self._unhinted = [look.replace for look in looks if not look.hints]
        self._hinted = [look for look in looks if look.hints]
        # All hints in one search, because most texts have none.
        self._hints = re.compile("|".join(re.escape(hint) for look in self._hinted for hint in look.hints) or r"(?!)").search
        self._whole_query = whole_query
        self._mask = mask
        self._max_length = max_length
        self._clean: set[str] = set()  # texts without a secret
        self._safe_keys: set[str] = set()  # keys without a secret whose values are not always secret

    def __call__(self, span: FinishedSpan, /) -> FinishedSpan:
        """Mask the span's secrets, and return it."""
        span.name = self._field(span.name)
        span.tags = self._tags(span.tags)
        if span.annotations:
            span.annotations = self._annotations(span.annotations)
        span.local = self._endpoint(span.local)
        span.remote = self._endpoint(span.remote)
        return span

    # The fields; another handler may have put values of any type into them

    def _tags(self, given: Any) -> dict[str, Any]:
        tags: dict[str, Any] = given if type(given) is dict else entries(given)
        clean, known = self._clean, self._safe_keys
        for key, value in tags.items():
            if key not in known or type(value) is not str or value not in clean:
                return dict([self._item(key, value) for key, value in tags.items()])
        return tags  # nearly always

    def _item(self, key: Any, value: Any) -> tuple[str, Any]:
        name = key if type(key) is str else to_text(key, self._max_length + 1)
        shown, kept = self.text(name), self._tag_value(name, value)
        if shown in self._clean and name not in self._keys and name.lower() not in _SPECIAL_TAGS:
            if len(self._safe_keys) >= MAX_REMEMBERED_TEXTS:
                self._safe_keys.clear()
            self._safe_keys.add(shown)
        return shown, kept

    def _tag_value(self, key: str, value: Any) -> Any:
        if value is None or type(value) is bool:
            return value
        text = value if type(value) is str else to_text(value, self._max_length + 1)
        if text and self._keys.is_secret(key, text):
            return self._mask
        redacted = self.text(text, key.lower())
        return value if redacted == text else redacted

    def _annotations(self, given: Any) -> list[tuple[Any, str]]:
        if type(given) is list and all(map(self._is_clean, given)):
            return given  # nearly always
        items = list(given.items() if hasattr(given, "items") else given)
        pairs = [item for item in items if type(item) in (tuple, list) and len(item) == 2]
        return [(at, self._field(value)) for at, value in pairs]

    def _is_clean(self, item: Any) -> bool:
        return type(item) is tuple and len(item) == 2 and type(item[1]) is str and item[1] in self._clean

    def _field(self, given: Any) -> Any:
        if type(given) is str:
            return given if given in self._clean else self.text(given)
        return given if given is None else self.text(to_text(given, self._max_length + 1))

    def _endpoint(self, given: Any) -> Any:
        if type(given) is Endpoint:
            name = self._field(given.service_name)
            return given if name == given.service_name else given._replace(service_name=name)
        if type(given) is dict:
            return {key: self._field(value) if type(value) is str else value for key, value in given.items()}
        if isinstance(given, tuple):
            return tuple([self._field(value) if type(value) is str else value for value in given])
        return self._field(given)

    # Texts

    def text(self, text: str, key: str = "") -> str:
        """A text without its secrets; `key` is the key of its tag, in lower case."""
        if text in self._clean and key not in _SPECIAL_TAGS:
            return text
        if len(text) > self._max_length:
            return f"{self._mask} ({len(text)} characters, too long to be looked at)"
        is_sql, is_query = key in _SQL_TAGS, key in _QUERY_TAGS
        redacted = self._redacted(text, is_sql, is_query)
        if redacted == text and key not in _SPECIAL_TAGS and len(text) <= MAX_REMEMBERED_CHARS:
            if len(self._clean) >= MAX_REMEMBERED_TEXTS:
                self._clean.clear()
            self._clean.add(text)
        return redacted

    def _redacted(self, text: str, is_sql: bool, is_query: bool) -> str:
        """The text, redacted until nothing changes any more: a mask may have joined two pairs into one."""
        for _ in range(MAX_ROUNDS):
            redacted = self._redact_once(text, is_sql, is_query)
            if may_be_encoded(redacted):
                redacted = self._without_encoded(redacted, is_sql)
            if redacted == text:
                return text
            text = redacted
        return self._mask

    def _redact_once(self, text: str, is_sql: bool, is_query: bool) -> str:
        mask = self._mask
        # Pairs first: a password in a query may have an `@`, and the name of a pair may look like a token.
        if _may_have_pairs(text):
            text = without_pairs(text, self._keys, mask, is_sql)
        for replace in self._unhinted:
            text = replace(text, mask)
        lower = text.lower()
        if self._hints(lower):
            for look in self._hinted:
                if any(hint in lower for hint in look.hints):
                    text = look.replace(text, mask)
        if self._whole_query:
            text = without_queries(text, mask, is_query)
        return without_users(text, mask)

    def _without_encoded(self, text: str, is_sql: bool) -> str:
        """Mask the words that are secrets only after decoding; the whole text, if a secret remains."""
        words = _SEPARATORS.split(text)
        text = "".join([self._mask if self._has_encoded_secret(word, is_sql) else word for word in words])
        return self._mask if self._has_encoded_secret(text, is_sql) else text

    def _has_encoded_secret(self, text: str, is_sql: bool) -> bool:
        """Whether decoding the text, once or several times, shows a secret."""
        for _ in range(MAX_ROUNDS):
            decoded = decoded_once(text) if may_be_encoded(text) else text
            if decoded == text:
                return False
            if self._redact_once(decoded, is_sql, False) != decoded:
                return True
            text = decoded
        return decoded_once(text) != text  # still encoded after so many rounds: this is no accident


def _may_have_pairs(text: str) -> bool:
    return "=" in text or ":" in text or ">" in text or "--" in text or "'" in text or '"' in text
